import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

/** Makes a self-signed certificate for `localhost` and 127.0.0.1 in the folder `dir`. */
export async function createCertificate(dir: string, name = 'server'): Promise<CertificateFiles> {
  const files = { cert: `${dir}/${name}.crt`, key: `${dir}/${name}.key` }
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', files.key]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  await promisify(execFile)('openssl', ['req', '-x509', ...key, ...subject, '-days', '2', '-out', files.cert])
  return files
}
