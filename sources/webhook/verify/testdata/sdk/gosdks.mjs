// Vectors that the providers' SDKs for Go have to accept.
import { execFileSync } from 'node:child_process'
import { seconds } from './clock.mjs'
import { hmac } from './signing.mjs'

const json = { 'Content-Type': 'application/json' }

const folder = new URL('go/', import.meta.url)
const accepts = request => JSON.parse(execFileSync('go', ['run', '.'], { cwd: folder, input: JSON.stringify(request) }))

const token = 'a4a3e2c2b0d84d7f9f6d4e5b3a1c0f9e8d7c6b5a49382716'

export const goSDKs = [
  () => {
    const secret = 'bk-7f2d', body = '{"event":"build.finished","build":{"id":"f62a1b4d-10f9-4790-bc1c-e2c3a0c80983","state":"passed"}}', id = 'd9a2c0b1-1e6f-4d5e-9d1b-7b6a5c4d3e2f'
    return {
      preset: 'buildkite', module: 'github.com/buildkite/go-buildkite/v4', call: 'ValidatePayload', secret, body, id, type: 'build.finished', accepts,
      headers: { ...json, 'X-Buildkite-Event': 'build.finished', 'X-Buildkite-Request': id, 'X-Buildkite-Signature': `timestamp=${seconds},signature=${hmac('sha256', secret, `${seconds}.${body}`, 'hex')}` },
    }
  },

  () => {
    const secret = 'gitea-secret', body = '{"ref":"refs/heads/main","commits":[{"message":"Grüße"}]}', id = 'f6266f16-1bf3-46a5-9ea4-602e06ead473'
    return {
      preset: 'gitea', module: 'code.gitea.io/sdk/gitea', call: 'VerifyWebhookSignature', secret, body, id, type: 'push', accepts,
      headers: { ...json, 'X-Gitea-Delivery': id, 'X-Gitea-Event': 'push', 'X-Gitea-Signature': hmac('sha256', secret, body, 'hex') },
    }
  },

  () => {
    const secret = 'key-8f7a3d2e1c9b6054', signature = { timestamp: seconds, token, signature: hmac('sha256', secret, seconds + token, 'hex') }
    return {
      preset: 'mailgun', module: 'github.com/mailgun/mailgun-go/v4', call: 'VerifyWebhookSignature', secret, headers: json, id: 'G9Bn5sl1TC6nu79C8C0bwg', type: 'delivered', accepts,
      body: JSON.stringify({ signature, 'event-data': { event: 'delivered', id: 'G9Bn5sl1TC6nu79C8C0bwg', recipient: 'alice@example.com' } }),
      tampered: r => ({ ...r, body: r.body.replace(token, token.replace('a', 'b')) }),
    }
  },

  () => {
    const secret = 'WhxoR0RZKXb6Ppe1TtFy', body = '{"event":{"id":"01DQ1P8C6B6W3S1Q2R0E7R0J2Z","event_type":"incident.triggered","resource_type":"incident","occurred_at":"2026-01-15T12:00:00Z","data":{"title":"Störung"}}}'
    return {
      preset: 'pagerduty', module: 'github.com/PagerDuty/go-pagerduty', call: 'webhookv3.VerifySignature', secret, body, id: '01DQ1P8C6B6W3S1Q2R0E7R0J2Z', type: 'incident.triggered', accepts,
      headers: { ...json, 'X-PagerDuty-Signature': `v1=${hmac('sha256', 'an older key', body, 'hex')},v1=${hmac('sha256', secret, body, 'hex')}` },
    }
  },
]
