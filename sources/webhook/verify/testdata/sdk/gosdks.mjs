// Vectors that the providers' SDKs for Go accept, and accept no longer when changed.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { rfc3339, seconds } from './clock.mjs'
import { hmac } from './signing.mjs'

const folder = new URL('go/', import.meta.url)
const json = { 'Content-Type': 'application/json' }

function requests() {
  const buildkite = { secret: 'bk-7f2d', body: '{"event":"build.finished","build":{"id":"f62a1b4d-10f9-4790-bc1c-e2c3a0c80983","state":"passed"}}' }
  const gitea = { secret: 'gitea-secret', body: '{"ref":"refs/heads/main","commits":[{"message":"Grüße"}]}' }
  const pagerduty = { secret: 'WhxoR0RZKXb6Ppe1TtFy', body: '{"event":{"id":"01DQ1P8C6B6W3S1Q2R0E7R0J2Z","event_type":"incident.triggered","resource_type":"incident","occurred_at":"2026-01-15T12:00:00Z","data":{"title":"Störung"}}}' }
  const token = 'a4a3e2c2b0d84d7f9f6d4e5b3a1c0f9e8d7c6b5a49382716', mailgunKey = 'key-8f7a3d2e1c9b6054'
  const signature = { timestamp: seconds, token, signature: hmac('sha256', mailgunKey, seconds + token, 'hex') }
  return [
    { preset: 'buildkite', module: 'github.com/buildkite/go-buildkite/v4', call: 'ValidatePayload', ...buildkite, id: 'd9a2c0b1-1e6f-4d5e-9d1b-7b6a5c4d3e2f', type: 'build.finished',
      headers: { ...json, 'X-Buildkite-Event': 'build.finished', 'X-Buildkite-Request': 'd9a2c0b1-1e6f-4d5e-9d1b-7b6a5c4d3e2f', 'X-Buildkite-Signature': `timestamp=${seconds},signature=${hmac('sha256', buildkite.secret, `${seconds}.${buildkite.body}`, 'hex')}` } },
    { preset: 'gitea', module: 'code.gitea.io/sdk/gitea', call: 'VerifyWebhookSignature', ...gitea, id: 'f6266f16-1bf3-46a5-9ea4-602e06ead473', type: 'push',
      headers: { ...json, 'X-Gitea-Delivery': 'f6266f16-1bf3-46a5-9ea4-602e06ead473', 'X-Gitea-Event': 'push', 'X-Gitea-Signature': hmac('sha256', gitea.secret, gitea.body, 'hex') } },
    { preset: 'mailgun', module: 'github.com/mailgun/mailgun-go/v4', call: 'VerifyWebhookSignature', secret: mailgunKey, headers: json, id: 'G9Bn5sl1TC6nu79C8C0bwg', type: 'delivered',
      body: JSON.stringify({ signature, 'event-data': { event: 'delivered', id: 'G9Bn5sl1TC6nu79C8C0bwg', recipient: 'alice@example.com' } }), changed: [token, token.replace('a', 'b')] },
    { preset: 'pagerduty', module: 'github.com/PagerDuty/go-pagerduty', call: 'webhookv3.VerifySignature', ...pagerduty, id: '01DQ1P8C6B6W3S1Q2R0E7R0J2Z', type: 'incident.triggered',
      headers: { ...json, 'X-PagerDuty-Signature': `v1=${hmac('sha256', 'an older key', pagerduty.body, 'hex')},v1=${hmac('sha256', pagerduty.secret, pagerduty.body, 'hex')}` } },
  ]
}

const version = module => new RegExp(`${module} (v\\S+)`).exec(readFileSync(new URL('go.mod', folder), 'utf8'))[1]

export function goVectors() {
  const good = requests()
  const bad = good.map(({ changed: [from, to] = ['}', '} '], ...r }) => ({ ...r, body: r.body.replace(from, to) }))
  const answers = JSON.parse(execFileSync('go', ['run', '.'], { cwd: folder, input: JSON.stringify([...good, ...bad]) }))
  good.forEach((r, i) => {
    if (!answers[i] || answers[i + good.length]) throw new Error(`${r.preset}: the SDK for Go says ${answers[i]} to its request and ${answers[i + good.length]} to a changed one`)
  })
  return good.map(({ module, call, changed, ...vector }) => ({ ...vector, now: rfc3339, grade: 'sdk', source: `go:${module}@${version(module)} ${call}` }))
}
