import { randomBytes } from 'node:crypto'
import { access, mkdir, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import forge from 'node-forge'

/** Paths of PEM files. */
export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

const VALID_YEARS = 10
const KEY_BITS = 2048
const HOUR_MS = 3_600_000
/** GeneralName's choices (RFC 5280, section 4.2.1.6). */
const DNS_NAME = 2
const IP_ADDRESS = 7

/** `dir/name.crt` and `dir/name.key`: a self-signed certificate for `hosts`, made unless both files are there. */
export async function ensureCertificate(
  dir: string,
  name: string,
  hosts: readonly string[],
): Promise<CertificateFiles> {
  const files = { cert: join(dir, `${name}.crt`), key: join(dir, `${name}.key`) }
  const present = await Promise.allSettled([access(files.cert), access(files.key)])
  if (present.every(({ status }) => status === 'fulfilled')) return files
  const keys = await promisify(forge.pki.rsa.generateKeyPair)({ bits: KEY_BITS })
  await mkdir(dir, { recursive: true })
  await writeFile(files.key, forge.pki.privateKeyToPem(keys.privateKey), { mode: 0o600 })
  await writeFile(files.cert, selfSigned(keys, hosts))
  return files
}

function selfSigned(keys: forge.pki.rsa.KeyPair, hosts: readonly string[]): string {
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = keys.publicKey
  certificate.serialNumber = `4${randomBytes(16).toString('hex').slice(1)}` // positive, without a leading zero byte
  certificate.validity.notBefore = new Date(Date.now() - HOUR_MS)
  certificate.validity.notAfter.setFullYear(new Date().getFullYear() + VALID_YEARS)
  const name = [{ name: 'commonName', value: hosts[0] ?? 'localhost' }]
  certificate.setSubject(name)
  certificate.setIssuer(name)
  const altNames = hosts.map(host => (isIP(host) ? { type: IP_ADDRESS, ip: host } : { type: DNS_NAME, value: host }))
  certificate.setExtensions([
    { name: 'basicConstraints', cA: false, critical: true }, // signs no other certificate
    { name: 'subjectAltName', altNames },
  ])
  certificate.sign(keys.privateKey, forge.md.sha256.create())
  return forge.pki.certificateToPem(certificate)
}
