import { type CertificateFiles, ensureCertificate } from '../../src/dev/certificate.ts'

/** Makes a self-signed certificate for `localhost` and 127.0.0.1 in the folder `dir`. */
export function createCertificate(dir: string, name = 'server'): Promise<CertificateFiles> {
  return ensureCertificate(dir, name, ['localhost', '127.0.0.1'])
}
