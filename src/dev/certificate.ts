import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { access, mkdir, writeFile } from 'node:fs/promises'
import { isIPv4 } from 'node:net'
import { join } from 'node:path'

/** Paths of PEM files. */
export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

const VALID_YEARS = 10

/** `dir/name.crt` and `dir/name.key`: a self-signed certificate for `hosts`, made unless both files are there. */
export async function ensureCertificate(
  dir: string,
  name: string,
  hosts: readonly string[],
): Promise<CertificateFiles> {
  const files = { cert: join(dir, `${name}.crt`), key: join(dir, `${name}.key`) }
  const present = await Promise.allSettled([access(files.cert), access(files.key)])
  if (present.every(({ status }) => status === 'fulfilled')) return files
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  await mkdir(dir, { recursive: true })
  await writeFile(files.key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  await writeFile(files.cert, selfSigned(publicKey, privateKey, hosts))
  return files
}

// A certificate in DER (RFC 5280, section 4.1): what Node has no function for, and too little to ask for a library.

const der = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag, ...lengthOf(content)]), content])
}
const lengthOf = ({ length }: Buffer): number[] =>
  length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts)
const hex = (text: string): Buffer => Buffer.from(text, 'hex')
const oid = (encoded: string): Buffer => der(0x06, hex(encoded))
const octets = (content: Buffer): Buffer => der(0x04, content)
const bits = (content: Buffer): Buffer => der(0x03, Buffer.from([0]), content)

const VERSION_3 = der(0xa0, der(0x02, hex('02')))
const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'))
const COMMON_NAME = oid('550403')
const SUBJECT_ALT_NAME = oid('551d11')
/** Critical, and empty: signs no other certificate. */
const NO_AUTHORITY = sequence(oid('551d13'), der(0x01, hex('ff')), octets(sequence()))

function selfSigned(publicKey: KeyObject, privateKey: KeyObject, hosts: readonly string[]): string {
  const serial = randomBytes(16)
  serial[0] = ((serial[0] as number) & 0x7f) | 0x40 // positive, and without a leading zero byte
  const name = sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from(hosts[0] ?? 'localhost')))))
  const from = new Date(Date.now() - 3_600_000)
  const until = new Date(from)
  until.setUTCFullYear(from.getUTCFullYear() + VALID_YEARS)
  const certificate = sequence(
    VERSION_3,
    der(0x02, serial),
    ECDSA_WITH_SHA256,
    name,
    sequence(utcTime(from), utcTime(until)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(NO_AUTHORITY, sequence(SUBJECT_ALT_NAME, octets(sequence(...hosts.map(generalName)))))),
  )
  const signature = sign('sha256', certificate, privateKey)
  const signed = sequence(certificate, ECDSA_WITH_SHA256, bits(signature)).toString('base64')
  return `-----BEGIN CERTIFICATE-----\n${signed.replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`
}

/** Good until 2049. */
function utcTime(date: Date): Buffer {
  return der(0x17, Buffer.from(`${date.toISOString().slice(2, 19).replace(/\D/g, '')}Z`))
}

function generalName(host: string): Buffer {
  return isIPv4(host) ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host))
}
