// Signatures by node's own crypto, for SDKs that can only verify.
import { createHash, createHmac, createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { p256 } from '@noble/curves/p256'

const read = name => readFileSync(new URL(`keys/${name}`, import.meta.url), 'utf8')

// Keys made for this test data, and used for nothing else.
export const keys = { ed25519: read('ed25519.pem'), p256: read('p256.pem'), rsa: read('rsa.pem'), certificate: read('rsa.crt') }

const jwk = pem => createPublicKey(pem).export({ format: 'jwk' })
export const publicKey = {
  ed25519: Buffer.from(jwk(keys.ed25519).x, 'base64url'),
  p256: createPublicKey(keys.p256).export({ format: 'der', type: 'spki' }),
  rsa: createPublicKey(keys.rsa).export({ format: 'pem', type: 'spki' }),
}
export const keySet = kid => JSON.stringify({ keys: [{ ...jwk(keys.rsa), kid, alg: 'RS256', use: 'sig' }] })

export const hmac = (algorithm, key, content, encoding) => createHmac(algorithm, key).update(content).digest(encoding)
export const hash = (algorithm, content, encoding) => createHash(algorithm).update(content).digest(encoding)
export const ed25519 = (content, encoding) => sign(null, Buffer.from(content), keys.ed25519).toString(encoding)
export const rsa = (algorithm, content, encoding) => sign(algorithm, Buffer.from(content), keys.rsa).toString(encoding)

// ecdsa is deterministic (RFC 6979), which node's own is not.
export function ecdsa(algorithm, content) {
  const d = Buffer.from(createPrivateKey(keys.p256).export({ format: 'jwk' }).d, 'base64url')
  return p256.sign(hash(algorithm, content), d, { prehash: false, lowS: false })
}
export const der = signature => Buffer.from(signature.toDERRawBytes())

const part = value => Buffer.from(JSON.stringify(value)).toString('base64url')
const signers = {
  HS256: (content, key) => hmac('sha256', key, content, 'base64url'),
  RS256: content => rsa('sha256', content, 'base64url'),
  ES256: content => Buffer.from(ecdsa('sha256', content).toCompactRawBytes()).toString('base64url'),
}

export function jwt(header, claims, key) {
  const content = `${part(header)}.${part(claims)}`
  return `${content}.${signers[header.alg](content, key)}`
}

// detached is a JWS over a body that is not in it, nor encoded (RFC 7797).
export function detached(header, body) {
  const head = part({ ...header, b64: false, crit: ['b64'] })
  return `${head}..${signers[header.alg](`${head}.${body}`)}`
}

// multipart is a form of fields alone.
export function multipart(boundary, fields) {
  const parts = Object.entries(fields).map(([name, value]) =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
  return `${parts.join('')}--${boundary}--\r\n`
}
