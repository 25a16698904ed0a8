// Vectors made by openssl, from what the providers' documentation says of their
// schemes; and those of senders that show a secret as it is.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { millis, rfc3339, seconds } from './clock.mjs'
import { detached, jwt, keys, keySet, publicKey } from './signing.mjs'

const json = { 'Content-Type': 'application/json' }
const form = { 'Content-Type': 'application/x-www-form-urlencoded' }

const openssl = (args, input) => execFileSync('openssl', args, { input })

// keyed is an HMAC under a key of bytes.
function keyed(algorithm, key, content, encoding) {
  return openssl(['dgst', `-${algorithm}`, '-mac', 'HMAC', '-macopt', `hexkey:${Buffer.from(key).toString('hex')}`, '-binary'], content).toString(encoding)
}

const rsaKey = fileURLToPath(new URL('keys/rsa.pem', import.meta.url))
const signed = (algorithm, content) => openssl(['dgst', `-${algorithm}`, '-sign', rsaKey], content).toString('base64')

const keysOf = {
  utf8: secret => Buffer.from(secret),
  hex: secret => Buffer.from(secret, 'hex'),
  base64: secret => Buffer.from(secret, 'base64'),
  whsec: secret => Buffer.from(secret.replace(/^(v1,)?whsec_/, ''), 'base64'),
}

// mac is a vector whose signature is an HMAC of the content, under a header.
function mac(preset, header, body, {
  secret = `${preset}-secret-0123456789`, key = 'utf8', algorithm = 'sha256', encoding = 'hex', content = b => b,
  value = s => s, headers = {}, media = json, ...rest
} = {}) {
  const signature = keyed(algorithm, keysOf[key](secret), content(body), encoding)
  return {
    preset, grade: 'own', source: `openssl dgst -${algorithm} -mac HMAC`, secret, now: rfc3339,
    headers: { ...media, ...headers, ...(header && { [header]: value(signature) }) }, body, ...rest,
  }
}

const whsec = 'whsec_b3Blbi1zb3VyY2UtdGVzdC1zZWNyZXQtMDAwMDE='

// standard is a vector of the family of Standard Webhooks.
function standard(preset, body, { prefix = 'Webhook', secret = whsec, key = 'whsec', id = 'msg_2mJbNQjUbVbFJGqM7GhbNhTRVZF', ...rest } = {}) {
  return mac(preset, `${prefix}-Signature`, body, {
    secret, key, encoding: 'base64', content: b => `${id}.${seconds}.${b}`, value: s => `v1,${s}`,
    headers: { [`${prefix}-Id`]: id, [`${prefix}-Timestamp`]: seconds }, id, ...rest,
  })
}

// listed is a vector whose time and signature share a header.
function listed(preset, header, body, { time = seconds, content = b => `${time}.${b}`, value = s => `t=${time},v1=${s}`, ...rest } = {}) {
  return mac(preset, header, body, { content, value, ...rest })
}

// timed is a vector whose time is in a header of its own.
function timed(preset, header, timeHeader, body, { time = seconds, content = b => time + b, headers, ...rest } = {}) {
  return mac(preset, header, body, { content, headers: { ...headers, [timeHeader]: time }, ...rest })
}

// shown is a vector of a sender that proves itself with the secret alone.
function shown(preset, secret, body, { headers, ...rest }) {
  return { preset, grade: 'own', source: 'nothing is computed: the secret itself', secret, now: rfc3339, headers: { ...json, ...headers }, body, ...rest }
}

const basic = (user, password) => ({ Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` })

const family = () => [
  standard('stytch', '{"action":"CREATE","event_id":"event-test-1","object_type":"user","project_id":"project-test-1"}', { prefix: 'Svix', id: 'msg_stytch1', type: 'user' }),
  standard('vanta', '{"type":"vendor.created","data":{"name":"Zoë"}}', { prefix: 'Svix', id: 'msg_vanta1', type: 'vendor.created' }),
  standard('render', '{"type":"deploy_ended","timestamp":"2026-01-15T12:00:00Z","data":{"id":"evt-1","serviceId":"srv-1","status":"succeeded"}}', { type: 'deploy_ended' }),
  standard('brex', '{"event_type":"TRANSFER_PROCESSED","transfer_id":"dptx_1","company_id":"cuacc_1"}', { type: 'TRANSFER_PROCESSED' }),
  standard('recall_ai', '{"event":"bot.done","data":{"bot":{"id":"3fa85f64-5717-4562-b3fc-2c963f66afa6"}}}', { type: 'bot.done' }),
  standard('gemini', '{"type":"batch.succeeded","version":"v1","timestamp":"2026-01-15T12:00:00Z","data":{"id":"batches/1"}}', { type: 'batch.succeeded' }),
  standard('incident_io', '{"event_type":"public_incident.incident_created_v2","public_incident.incident_created_v2":{"name":"Störung"}}', { prefix: 'Webhook', type: 'public_incident.incident_created_v2' }),
  standard('etsy', '{"event_type":"order.paid","resource_url":"https://api.etsy.com/v3/application/shops/1/receipts/2","shop_id":1}', { type: 'order.paid' }),
  standard('loops', '{"eventName":"email.delivered","eventTime":1768478400,"webhookSchemaVersion":"1.0.0","email":{"subject":"Grüße"}}', { type: 'email.delivered' }),
  standard('supabase_auth_hooks', '{"user":{"id":"8484b834-f29e-4af2-bf42-80644d154f76"},"email_data":{"email_action_type":"signup"}}', { secret: `v1,${whsec}` }),
  standard('bigcommerce', '{"scope":"store/order/created","store_id":"1025646","data":{"type":"order","id":250},"hash":"dd70c0976e06b67aaf671e73f49dcb79230ebf9d"}', { secret: 'a-client-secret-of-bigcommerce', key: 'utf8', type: 'store/order/created' }),
  standard('gitlab_signed', '{"object_kind":"push","event_name":"push","user_name":"Zoë"}', { type: 'push' }),
]

const lists = () => [
  listed('calendly', 'Calendly-Webhook-Signature', '{"event":"invitee.created","created_at":"2026-01-15T12:00:00.000000Z","payload":{"name":"Zoë"}}', { type: 'invitee.created' }),
  listed('persona', 'Persona-Signature', '{"data":{"type":"event","id":"evt_tN7pdnbPSaw2ckbA7NtDiAMk","attributes":{"name":"inquiry.completed"}}}', { id: 'evt_tN7pdnbPSaw2ckbA7NtDiAMk', type: 'inquiry.completed' }),
  listed('shippo', 'Shippo-Auth-Signature', '{"event":"track_updated","test":true,"data":{"carrier":"shippo"}}', { type: 'track_updated' }),
  listed('mailchimp', 'X-Mailchimp-Signature', 'type=subscribe&fired_at=2026-01-15+12%3A00%3A00&data%5Bemail%5D=api%40mailchimp.com', { media: form, type: 'subscribe' }),
  listed('affirm', 'X-Affirm-Signature', '{"event":"opened","checkout_token":"B5QHWSZ6M5XJ2C3Q","created":"2026-01-15T12:00:00Z"}', { algorithm: 'sha512', value: s => `t=${seconds},v0=${s}`, type: 'opened' }),
  listed('tiktok', 'TikTok-Signature', '{"client_key":"bwo2m45353a6k85","event":"video.publish.completed","create_time":1768478400,"content":"{}"}', { value: s => `t=${seconds},s=${s}`, type: 'video.publish.completed' }),
  listed('cituro', 'X-Cituro-Signature', '{"event":"booking.created","data":{"name":"Zoë"}}', { value: s => `t=${seconds},s=${s}` }),
  listed('recurly', 'Recurly-Signature', '{"id":"u8uhpkm7c5qa","object_type":"account","event_type":"created","event_time":"2026-01-15T12:00:00Z"}', {
    time: millis, value: s => `${millis},${'0'.repeat(64)},${s}`, headers: { 'Recurly-Notification-Id': 'u8uhpkm7c5qb' }, id: 'u8uhpkm7c5qb', type: 'created',
  }),
]

const times = () => [
  timed('zoom', 'X-Zm-Signature', 'X-Zm-Request-Timestamp', '{"event":"meeting.started","event_ts":1768478400000,"payload":{"object":{"topic":"Köln"}}}', { content: b => `v0:${seconds}:${b}`, value: s => `v0=${s}`, type: 'meeting.started' }),
  timed('customerio', 'X-CIO-Signature', 'X-CIO-Timestamp', '{"event_id":"01E4C4CT6YDC7Y5M7FE1GWWPQJ","object_type":"email","metric":"delivered","timestamp":1768478400}', { content: b => `v0:${seconds}:${b}`, id: '01E4C4CT6YDC7Y5M7FE1GWWPQJ', type: 'delivered' }),
  timed('zendesk', 'X-Zendesk-Webhook-Signature', 'X-Zendesk-Webhook-Signature-Timestamp', '{"type":"zen:event-type:user.created","id":"4b3f","time":"2026-01-15T12:00:00Z"}', {
    time: rfc3339, encoding: 'base64', headers: { 'X-Zendesk-Webhook-Invocation-Id': '01GKZ5GAQE1X9K2YB5T7N9D3RC' }, id: '01GKZ5GAQE1X9K2YB5T7N9D3RC', type: 'zen:event-type:user.created',
  }),
  timed('twitch', 'Twitch-Eventsub-Message-Signature', 'Twitch-Eventsub-Message-Timestamp', '{"subscription":{"id":"f1c2a387-161a-49f9-a165-0f21d7a4e1c4","type":"channel.follow"},"event":{"user_name":"Zoë"}}', {
    time: '2026-01-15T12:00:00.123456789Z', content: b => `e76c6bd4-55c9-4987-8304-da1588d8988b2026-01-15T12:00:00.123456789Z${b}`, value: s => `sha256=${s}`,
    headers: { 'Twitch-Eventsub-Message-Id': 'e76c6bd4-55c9-4987-8304-da1588d8988b', 'Twitch-Eventsub-Message-Type': 'notification', 'Twitch-Eventsub-Subscription-Type': 'channel.follow' },
    id: 'e76c6bd4-55c9-4987-8304-da1588d8988b', type: 'channel.follow',
  }),
  timed('front', 'X-Front-Signature', 'X-Front-Request-Timestamp', '{"type":"inbound_received","payload":{"id":"evt_55c8c149","subject":"Grüße"}}', { time: millis, content: b => `${millis}:${b}`, encoding: 'base64', type: 'inbound_received' }),
  timed('airship', 'X-UA-Signature', 'X-UA-Timestamp', '[{"id":"00000000-0000-0000-0000-000000000001","type":"OPEN"}]', { content: b => `${seconds}:${b}` }),
  timed('lob', 'Lob-Signature', 'Lob-Signature-Timestamp', '{"id":"evt_d95ff8ffd2b5cfb4","event_type":{"id":"postcard.created"},"date_created":"2026-01-15T12:00:00.000Z"}', { time: millis, content: b => `${millis}.${b}`, id: 'evt_d95ff8ffd2b5cfb4', type: 'postcard.created' }),
  timed('airwallex', 'X-Signature', 'X-Timestamp', '{"id":"evt_hkdmr7v9rg1j58ky8re","name":"payment_intent.succeeded","account_id":"acct_1","created_at":"2026-01-15T12:00:00+0000"}', { time: millis, id: 'evt_hkdmr7v9rg1j58ky8re', type: 'payment_intent.succeeded' }),
  timed('klaviyo', 'Klaviyo-Signature', 'Klaviyo-Timestamp', '{"data":[{"topic":"event:klaviyo.email_delivered","external_id":"3ZbQpTQeqmm","payload":{}}],"meta":{"timestamp":"2026-01-15T12:00:00"}}', {
    time: 'Thu, 15 Jan 2026 12:00:00 GMT', content: b => `${b}Thu, 15 Jan 2026 12:00:00 GMT`, headers: { 'Klaviyo-Webhook-Id': '01H5Z5ZSFX' },
  }),
  timed('close', 'Close-Sig-Hash', 'Close-Sig-Timestamp', '{"event":{"id":"ev_2sYKRjcrA79yKxi3S4Crd7","action":"updated","object_type":"lead"},"subscription_id":"whsub_1"}', { secret: '1b2c3d4e5f60718293a4b5c6d7e8f9011b2c3d4e5f60718293a4b5c6d7e8f901', key: 'hex', id: 'ev_2sYKRjcrA79yKxi3S4Crd7', type: 'updated' }),
  timed('daily', 'X-Webhook-Signature', 'X-Webhook-Timestamp', '{"version":"1.0.0","type":"recording.ready-to-download","id":"rtr-rec-3018-abcd","payload":{},"event_ts":1768478400.123}', {
    secret: 'ZGFpbHktdGVzdC1zZWNyZXQtMDEyMzQ1Njc4OQ==', key: 'base64', encoding: 'base64', content: b => `${seconds}.${b}`, id: 'rtr-rec-3018-abcd', type: 'recording.ready-to-download',
  }),
  timed('revolut', 'Revolut-Signature', 'Revolut-Request-Timestamp', '{"data":{"id":"645a7696-22f3-aa47-9c74-cbae0449cc46","new_state":"completed"},"event":"TransactionStateChanged","timestamp":"2026-01-15T12:00:00.000000Z"}', {
    secret: 'wsk_r59a4HfWVAKycbCaNO1RvgCJec02gRd8', time: millis, content: b => `v1.${millis}.${b}`, value: s => `v1=${'0'.repeat(64)},v1=${s}`, type: 'TransactionStateChanged',
  }),
]

const b64 = { encoding: 'base64' }
const sha256 = { value: s => `sha256=${s}` }

const bodies = () => [
  mac('meta', 'X-Hub-Signature-256', '{"object":"whatsapp_business_account","entry":[{"id":"102290129340398","changes":[{"field":"messages","value":{"messages":[{"id":"wamid.HBg","text":{"body":"Gr\\u00fc\\u00dfe"}}]}}]}]}', { ...sha256, type: 'whatsapp_business_account' }),
  mac('x_twitter', 'X-Twitter-Webhooks-Signature', '{"for_user_id":"2244994945","tweet_create_events":[{"id_str":"1"}]}', { ...b64, ...sha256 }),
  mac('woocommerce', 'X-WC-Webhook-Signature', '{"id":727,"status":"processing","total":"29.35"}', { ...b64, headers: { 'X-WC-Webhook-Topic': 'order.created', 'X-WC-Webhook-Delivery-Id': 'b9b4f7c2a1d3e5f60718293a4b5c6d7e' }, id: 'b9b4f7c2a1d3e5f60718293a4b5c6d7e', type: 'order.created' }),
  mac('typeform', 'Typeform-Signature', '{"event_id":"LtWXD3crgy","event_type":"form_response","form_response":{"form_id":"lT4Z3j"}}', { ...b64, ...sha256, id: 'LtWXD3crgy', type: 'form_response' }),
  mac('docusign', 'X-DocuSign-Signature-1', '{"event":"envelope-completed","apiVersion":"v2.1","generatedDateTime":"2026-01-15T12:00:00.0000000Z","data":{"envelopeId":"dcbd4bbd-6d6b-4a9d-9d3d-5ea8c1fdb2a5"}}', { ...b64, id: 'dcbd4bbd-6d6b-4a9d-9d3d-5ea8c1fdb2a5/envelope-completed/2026-01-15T12:00:00.0000000Z', type: 'envelope-completed' }),
  { ...mac('docusign', 'X-DocuSign-Signature-3', '{"event":"envelope-sent"}', { ...b64, headers: { 'X-DocuSign-Signature-1': 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=', 'X-DocuSign-Signature-2': 'AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' }, type: 'envelope-sent' }) },
  mac('dropbox', 'X-Dropbox-Signature', '{"list_folder":{"accounts":["dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc"]},"delta":{"users":[12345678]}}', {}),
  mac('asana', 'X-Hook-Signature', '{"events":[{"action":"changed","resource":{"gid":"1337","resource_type":"task"}}]}', { type: undefined }),
  mac('sentry', 'Sentry-Hook-Signature', '{"action":"created","installation":{"uuid":"7a485448-a9e2-4c85-8a3c-4f44175783c9"},"data":{}}', { headers: { 'Sentry-Hook-Resource': 'installation', 'Request-ID': 'a1b2c3d4e5f60718293a4b5c6d7e8f90' }, id: 'a1b2c3d4e5f60718293a4b5c6d7e8f90', type: 'installation' }),
  mac('heroku', 'Heroku-Webhook-Hmac-SHA256', '{"id":"01234567-89ab-cdef-0123-456789abcdef","action":"update","resource":"build","webhook_metadata":{"delivery":{"id":"6f6b9ad1-3b0a-4f8d-8d0c-5c8a7b6d5e4f"}}}', { ...b64, id: '6f6b9ad1-3b0a-4f8d-8d0c-5c8a7b6d5e4f', type: 'build' }),
  mac('vercel', 'X-Vercel-Signature', '{"id":"uev_4kk8pnkHbc4MIrFoGEGJ2l4z","type":"deployment.created","createdAt":1768478400000,"payload":{}}', { algorithm: 'sha1', id: 'uev_4kk8pnkHbc4MIrFoGEGJ2l4z', type: 'deployment.created' }),
  mac('intercom', 'X-Hub-Signature', '{"type":"notification_event","id":"notif_a1b2","topic":"conversation.user.created","data":{}}', { algorithm: 'sha1', value: s => `sha1=${s}`, id: 'notif_a1b2', type: 'conversation.user.created' }),
  mac('xero', 'X-Xero-Signature', '{"events":[],"lastEventSequence":0,"firstEventSequence":0,"entropy":"S0m3r4Nd0mt3xt"}', b64),
  mac('quickbooks', 'Intuit-Signature', '{"eventNotifications":[{"realmId":"310687","dataChangeEvent":{"entities":[{"name":"Customer","id":"1","operation":"Create"}]}}]}', b64),
  mac('paystack', 'X-Paystack-Signature', '{"event":"charge.success","data":{"id":302961,"reference":"qTPrJoy9Bx","amount":10000}}', { algorithm: 'sha512', secret: 'sk_test_0123456789abcdef', type: 'charge.success' }),
  mac('lemon_squeezy', 'X-Signature', '{"meta":{"event_name":"order_created","webhook_id":"1"},"data":{"type":"orders","id":"1"}}', { headers: { 'X-Event-Name': 'order_created' }, type: 'order_created' }),
  mac('checkout_com', 'Cko-Signature', '{"id":"evt_az5sblvku4ge3dwpztvyizgcau","type":"payment_approved","version":"2.0.0","data":{}}', { id: 'evt_az5sblvku4ge3dwpztvyizgcau', type: 'payment_approved' }),
  mac('authorize_net', 'X-ANET-Signature', '{"notificationId":"d0e8e7fe-c3e7-4add-a480-27bc5ce28a18","eventType":"net.authorize.payment.authcapture.created","webhookId":"63d6fea2","payload":{"id":"60020981676"}}', {
    secret: 'A1B2C3D4E5F60718293A4B5C6D7E8F90'.repeat(4), key: 'hex', algorithm: 'sha512', value: s => `sha512=${s.toUpperCase()}`, id: 'd0e8e7fe-c3e7-4add-a480-27bc5ce28a18', type: 'net.authorize.payment.authcapture.created',
  }),
  mac('dwolla', 'X-Request-Signature-SHA-256', '{"id":"80d8ff7d-7e5a-4975-ade8-9e97306d6c15","topic":"customer_created","timestamp":"2026-01-15T12:00:00.000Z"}', { headers: { 'X-Dwolla-Topic': 'customer_created' }, id: '80d8ff7d-7e5a-4975-ade8-9e97306d6c15', type: 'customer_created' }),
  mac('chargify', 'X-Chargify-Webhook-Signature-Hmac-Sha-256', 'id=11345678&event=payment_success&payload%5Bsite%5D%5Bid%5D=1', { media: form, headers: { 'X-Chargify-Webhook-Id': '11345678' }, id: '11345678', type: 'payment_success' }),
  mac('mollie', 'X-Mollie-Signature', '{"resource":"event","id":"event_GvJ8WHrp5isUdRub9CJyH","type":"payment-link.paid","entityId":"pl_qng5gbbv8NAZ5gpM5ZYgx","createdAt":"2026-01-15T12:00:00.0Z"}', { ...sha256, id: 'event_GvJ8WHrp5isUdRub9CJyH', type: 'payment-link.paid' }),
  mac('bolt', 'X-Bolt-Hmac-Sha256', '{"type":"pending","object":"transaction","data":{"id":"TA6Dp5dUcLwWQ","reference":"QTYY-JPNV-3RVY"}}', { ...b64, type: 'pending' }),
  mac('primer', 'X-Signature-Primary', '{"eventType":"PAYMENT.STATUS","date":"2026-01-15T12:00:00.000000","notificationConfig":{"id":"2e5e4d4c"},"payment":{"id":"DdRZ6YY0"}}', { ...b64, type: 'PAYMENT.STATUS' }),
  mac('fastspring', 'X-FS-Signature', '{"events":[{"id":"F5UYA9TSQGAMHG6XUQC4IJZNOY","live":true,"type":"order.completed","created":1768478400000,"data":{}}]}', { ...b64 }),
  mac('tally', 'Tally-Signature', '{"eventId":"a4cb511e-d513-4fa5-baee-b815d718dfd1","eventType":"FORM_RESPONSE","createdAt":"2026-01-15T12:00:00.000Z","data":{"formName":"R\\u00e9gistration"}}', { ...b64, id: 'a4cb511e-d513-4fa5-baee-b815d718dfd1', type: 'FORM_RESPONSE' }),
  mac('cal_com', 'X-Cal-Signature-256', '{"triggerEvent":"BOOKING_CREATED","createdAt":"2026-01-15T12:00:00.000Z","payload":{"uid":"bFJeNb2uX8ANpT3JL5EfXw"}}', { type: 'BOOKING_CREATED' }),
  mac('acuity', 'X-Acuity-Signature', 'action=scheduled&id=10&calendarID=1&appointmentTypeID=1', { ...b64, media: form, type: 'scheduled' }),
  mac('nylas', 'X-Nylas-Signature', '{"specversion":"1.0","type":"message.created","source":"/google/emails/realtime","id":"5a2bf1f8","time":1768478400,"data":{}}', { type: 'message.created' }),
  mac('attio', 'Attio-Signature', '{"webhook_id":"2b0e4c61-8d9f-4a7e-9a02-1b6a0f0f6f51","events":[{"event_type":"record.created","id":{"record_id":"bf071e1f"}}]}', { headers: { 'Idempotency-Key': 'e1b7c2d4-4b7a-4e1f-8a52-4d2d6b7a9c01' }, id: 'e1b7c2d4-4b7a-4e1f-8a52-4d2d6b7a9c01', type: 'record.created' }),
  mac('vapi', 'X-Vapi-Signature', '{"message":{"type":"end-of-call-report","endedReason":"hangup","call":{"id":"c0a8"}}}', { type: 'end-of-call-report' }),
  mac('cursor', 'X-Webhook-Signature', '{"event":"statusChange","timestamp":"2026-01-15T12:00:00Z","id":"bc_abc123","status":"FINISHED"}', { ...sha256, headers: { 'X-Webhook-ID': 'msg_123456', 'X-Webhook-Event': 'statusChange' }, id: 'msg_123456', type: 'statusChange' }),
  mac('snyk', 'X-Hub-Signature', '{"project":{"name":"snyk/goof"},"newIssues":[],"removedIssues":[]}', { ...sha256, headers: { 'X-Snyk-Event': 'project_snapshot/v0', 'X-Snyk-Transport-ID': '998fe884-18a0-45db-8ae0-e379eea3bc0a' }, id: '998fe884-18a0-45db-8ae0-e379eea3bc0a', type: 'project_snapshot/v0' }),
  mac('launchdarkly', 'X-LD-Signature', '{"_id":"5a2a1b3c","kind":"flag","name":"Neu","date":1768478400000}', { id: '5a2a1b3c', type: 'flag' }),
  mac('mongodb_atlas', 'X-MMS-Signature', '{"id":"533dc40ae4b00835ff81eaee","typeName":"HOST","eventTypeName":"OUTSIDE_METRIC_THRESHOLD","status":"OPEN"}', { algorithm: 'sha1', ...b64, type: 'OUTSIDE_METRIC_THRESHOLD' }),
  mac('autodesk_aps', 'X-Adsk-Signature', '{"version":"1.0","resourceUrn":"urn:adsk.wipprod:dm.lineage:jb","hook":{"hookId":"0f60f6a0","event":"dm.version.added"}}', { algorithm: 'sha1', value: s => `sha1hash=${s}`, headers: { 'X-Adsk-Delivery-Id': '15ea7fdb-5ef4-4d49-b7e4-2a5a2e8e4a55' }, id: '15ea7fdb-5ef4-4d49-b7e4-2a5a2e8e4a55', type: 'dm.version.added' }),
  mac('ably', 'X-Ably-Signature', '{"items":[{"webhookId":"1iYnXg","source":"channel.message","serial":"a7bcdEFghIjklm123456789:4","timestamp":1768478400000,"data":{}}]}', { ...b64, headers: { 'X-Ably-Key': 'appId.keyId' }, type: 'channel.message' }),
  mac('squarespace', 'Squarespace-Signature', '{"id":"12d4cb2b-8d1b-4f7e-9a1c-6a3b2f4e5d6c","websiteId":"5e9d","topic":"order.create","createdOn":"2026-01-15T12:00:00Z","data":{}}', { secret: '2C1B3D4E5F60718293A4B5C6D7E8F9012C1B3D4E5F60718293A4B5C6D7E8F901', key: 'hex', id: '12d4cb2b-8d1b-4f7e-9a1c-6a3b2f4e5d6c', type: 'order.create' }),
  mac('onfleet', 'X-Onfleet-Signature', '{"taskId":"11z1BbsQUZFHD1XAd~emDDeK","workerId":null,"actionContext":{"type":"CREATE"},"triggerId":6,"triggerName":"taskCreated","time":1768478400000}', { secret: '0123456789abcdef'.repeat(8), key: 'hex', algorithm: 'sha512', type: 'taskCreated' }),
  mac('aftership', 'AfterShip-Hmac-SHA256', '{"ts":1768478400,"event":"tracking_update","event_id":"fdcb5b2a-8b0b-4d3a-9a3f-4a2ff0d0d7c3","msg":{"id":"5b74f4958776db0e00b6f5ed"}}', { ...b64, id: 'fdcb5b2a-8b0b-4d3a-9a3f-4a2ff0d0d7c3', type: 'tracking_update' }),
  mac('npm', 'X-Npm-Signature', '{"event":"package:publish","name":"@example/pkg","type":"package","version":"1.0.0","hookOwner":{"username":"ann"},"time":1768478400000}', { ...sha256, type: 'package:publish' }),
  mac('clickup', 'X-Signature', '{"event":"taskCreated","history_items":[{"id":"2800763136717140857"}],"task_id":"1vj37mc","webhook_id":"7fa3ec74-69a8-4530-a251-8a13730bd204"}', { type: 'taskCreated' }),
  mac('dub', 'Dub-Signature', '{"id":"evt_KleiVMQ9bPkT","event":"link.created","createdAt":"2026-01-15T12:00:00.000Z","data":{}}', { id: 'evt_KleiVMQ9bPkT', type: 'link.created' }),
  mac('webex', 'X-Spark-Signature', '{"id":"Y2lzY29zcGFyazovL3VzL1dFQkhPT0s","name":"Neu","resource":"messages","event":"created","data":{"id":"Y2lz"}}', { algorithm: 'sha1', type: 'messages.created' }),
  mac('helpscout', 'X-HelpScout-Signature', '{"id":291938,"type":"email","subject":"Gr\\u00fc\\u00dfe"}', { algorithm: 'sha1', ...b64, headers: { 'X-HelpScout-Event': 'convo.created' }, type: 'convo.created' }),
  mac('segment', 'X-Signature', '{"messageId":"segment-test-message-1","type":"track","event":"Order Completed","userId":"u1","timestamp":"2026-01-15T12:00:00.000Z"}', { algorithm: 'sha1', id: 'segment-test-message-1', type: 'track' }),
  mac('ms_teams_outgoing', 'Authorization', '{"type":"message","id":"1485983408511","timestamp":"2026-01-15T12:00:00.0000000Z","text":"<at>bot</at> Gr\\u00fc\\u00dfe"}', { secret: 'bXMtdGVhbXMtb3V0Z29pbmctd2ViaG9vay1zZWNyZXQ=', key: 'base64', ...b64, value: s => `HMAC ${s}`, id: '1485983408511', type: 'message' }),
  mac('airtable', 'X-Airtable-Content-MAC', '{"base":{"id":"appIKZr2LInCJb6qt"},"webhook":{"id":"ach36WZ5Nd35ee6HB"},"timestamp":"2026-01-15T12:00:00.000Z"}', { secret: 'YWlydGFibGUtbWFjLXNlY3JldC0wMTIzNDU2Nzg5', key: 'base64', value: s => `hmac-sha256=${s}` }),
  mac('linkedin', 'X-LI-Signature', '{"type":"ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS","notifications":[{"notificationId":6748}]}', { content: b => `hmacsha256=${b}`, type: 'ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS' }),
  mac('azure_web_pubsub', 'ce-signature', '{"name":"Zoë"}', {
    content: () => 'connection-1', value: s => `sha256=${'0'.repeat(64)},sha256=${s}`,
    headers: { 'ce-type': 'azure.webpubsub.user.message', 'ce-id': 'event-1', 'ce-specversion': '1.0', 'ce-connectionId': 'connection-1', 'ce-source': '/hubs/chat/client/connection-1' }, type: 'azure.webpubsub.user.message',
  }),
]

const sortedFields = body => [...new URLSearchParams(body)].sort(([a], [b]) => a < b ? -1 : 1).flat().join('')

function requests() {
  const mandrill = 'https://hooks.example.com/mandrill', trello = 'https://hooks.example.com/trello'
  const events = new URLSearchParams({ mandrill_events: '[{"event":"send","_id":"exampleaaaaaaaaaaaaaaaaaaaaaaaaa","msg":{"subject":"Grüße & mehr"},"ts":1768478400}]' }).toString()
  const document = '[{"event":"document_state_changed","data":{"id":"q6oVVYCQkRqVYDAgPLPNkS","status":"document.completed"}}]'
  const pandadoc = mac('pandadoc', undefined, document, { type: 'document_state_changed' })
  pandadoc.url = `https://hooks.example.com/pandadoc?signature=${keyed('sha256', pandadoc.secret, document, 'hex')}`
  return [
    mac('mandrill', 'X-Mandrill-Signature', events, { algorithm: 'sha1', ...b64, media: form, url: mandrill, content: b => mandrill + sortedFields(b) }),
    mac('trello', 'X-Trello-Webhook', '{"action":{"id":"51f9424bcd6e040f3c002412","type":"updateCard","data":{"card":{"name":"Grüße"}}},"model":{"id":"4d5ea62fd76aa1136000000c"}}', { algorithm: 'sha1', ...b64, url: trello, content: b => b + trello, id: '51f9424bcd6e040f3c002412', type: 'updateCard' }),
    pandadoc,
  ]
}

// crc32 as PayPal signs it: in decimal.
function crc32(text) {
  let crc = ~0
  for (const byte of Buffer.from(text)) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc >>> 1 ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}

function rsas() {
  const rsa = (preset, body, rest) => ({ preset, grade: 'own', source: 'openssl dgst -sha256 -sign', secret: publicKey.rsa, private_key: keys.rsa, now: rfc3339, body, ...rest })
  const paypal = '{"id":"WH-2WR32451HC0233532-67976317FL4543714","event_type":"PAYMENT.SALE.COMPLETED","resource":{"note":"Grüße"}}'
  const certificate = 'https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-7a7abba8'
  const wise = '{"data":{"resource":{"type":"transfer","id":111},"current_state":"processing"},"subscription_id":"01234567-89ab-cdef-0123-456789abcdef","event_type":"transfers#state-change","sent_at":"2026-01-15T12:00:00Z"}'
  const kick = '{"message_id":"01JG","content":"Grüße"}', kickID = '01JGMQ3ZKZ2T9W5GDTKGSZW0SN'
  const chat = '{"action":"message_create","action_time":"2026-01-15T12:00:00.000Z","data":{"message":{"id":"50a9f4b4"}}}'
  return [
    rsa('paypal', paypal, {
      secret: undefined, with: { webhook_id: '1JE4291016473214C' }, id: 'WH-2WR32451HC0233532-67976317FL4543714', type: 'PAYMENT.SALE.COMPLETED', fetch: { [certificate]: keys.certificate },
      headers: {
        ...json, 'Paypal-Transmission-Id': '69cd13f0-d67a-11e5-baa3-778b53f4ae55', 'Paypal-Transmission-Time': rfc3339, 'Paypal-Cert-Url': certificate, 'Paypal-Auth-Algo': 'SHA256withRSA',
        'Paypal-Transmission-Sig': signed('sha256', `69cd13f0-d67a-11e5-baa3-778b53f4ae55|${rfc3339}|1JE4291016473214C|${crc32(paypal)}`),
      },
    }),
    rsa('wise', wise, { headers: { ...json, 'X-Delivery-Id': 'c1f2a387-161a-49f9-a165-0f21d7a4e1c4', 'X-Signature-SHA256': signed('sha256', wise) }, id: 'c1f2a387-161a-49f9-a165-0f21d7a4e1c4', type: 'transfers#state-change' }),
    rsa('kick', kick, {
      headers: {
        ...json, 'Kick-Event-Message-Id': kickID, 'Kick-Event-Message-Timestamp': rfc3339, 'Kick-Event-Type': 'chat.message.sent', 'Kick-Event-Version': '1',
        'Kick-Event-Signature': signed('sha256', `${kickID}.${rfc3339}.${kick}`),
      }, id: kickID, type: 'chat.message.sent',
    }),
    rsa('freshchat', chat, { headers: { ...json, 'X-Freshchat-Signature': signed('sha256', chat) }, type: 'message_create' }),
  ]
}

function tokens() {
  const digest = (body, encoding) => createHash('sha256').update(body).digest(encoding)
  const own = (preset, v) => ({ preset, grade: 'own', source: 'a JSON Web Signature by node:crypto', now: rfc3339, ...v })
  const plaid = '{\n  "environment": "sandbox",\n  "error": null,\n  "item_id": "eVBnVMp7zdTJLkRNr33Rs6zr7KNJqBFL9DrE6",\n  "webhook_code": "DEFAULT_UPDATE",\n  "webhook_type": "TRANSACTIONS"\n}'
  const kid = 'bfbd5111-8e33-4643-8ced-b2e642a72f3c', netlify = '{"id":"5f3e7a1c","state":"ready","name":"köln"}', fusion = '{"event":{"id":"c5d5b7a0-9f3a-4b0c-8c6a-5d1e2f3a4b5c","type":"user.create","createInstant":1768478400000}}'
  const contact = '{"name":"Jörg"}'
  const secret = preset => `${preset}-signing-secret-0123456789`
  return [
    own('plaid', {
      secret: publicKey.p256.toString('base64'), private_key: keys.p256, body: plaid, type: 'TRANSACTIONS.DEFAULT_UPDATE',
      headers: { ...json, 'Plaid-Verification': jwt({ alg: 'ES256', kid, typ: 'JWT' }, { iat: Number(seconds), request_body_sha256: digest(plaid, 'hex') }) },
    }),
    own('constant_contact', {
      private_key: keys.rsa, body: contact, fetch: { 'https://developer.constantcontact.com/.well-known/jwks.json': keySet('webhooks') },
      headers: { ...json, 'X-CTCT-WEBHOOK-SIG': detached({ alg: 'RS256', ts: Number(seconds) }, contact) },
    }),
    own('netlify', { secret: secret('netlify'), body: netlify, headers: { ...json, 'X-Webhook-Signature': jwt({ alg: 'HS256', typ: 'JWT' }, { iss: 'netlify', sha256: digest(netlify, 'hex') }, secret('netlify')) } }),
    own('fusionauth', {
      secret: secret('fusionauth'), body: fusion, id: 'c5d5b7a0-9f3a-4b0c-8c6a-5d1e2f3a4b5c', type: 'user.create',
      headers: { ...json, 'X-FusionAuth-Signature-JWT': jwt({ alg: 'HS256', typ: 'JWT' }, { request_body_sha256: digest(fusion, 'base64') }, secret('fusionauth')) },
    }),
    own('monday', {
      secret: secret('monday'), body: '{"event":{"type":"update_column_value","triggerUuid":"645fc8d8709d35718f1ae00ceded91e9","boardId":1,"pulseId":2}}', id: '645fc8d8709d35718f1ae00ceded91e9', type: 'update_column_value',
      headers: { ...json, Authorization: jwt({ alg: 'HS256', typ: 'JWT' }, { accountId: 1825528, userId: 4012689, aud: 'https://hooks.example.com/monday', iat: Number(seconds), exp: Number(seconds) + 3600 }, secret('monday')) }, url: 'https://hooks.example.com/monday',
    }),
  ]
}

const secrets = () => [
  shown('gitlab', 'glwt-0123456789abcdef', '{"object_kind":"push","project":{"name":"Köln"}}', { headers: { 'X-Gitlab-Token': 'glwt-0123456789abcdef', 'X-Gitlab-Event': 'Push Hook', 'X-Gitlab-Event-UUID': '13792a34-cac6-4fda-95a8-c58e00a3954e', 'Idempotency-Key': 'f5e57709-02a6-4c1a-9bd4-2b3b1f1e6a01' }, id: 'f5e57709-02a6-4c1a-9bd4-2b3b1f1e6a01', type: 'Push Hook' }),
  shown('okta', 'okta-authorization-value', '{"eventType":"com.okta.event_hook","eventTypeVersion":"1.0","cloudEventsVersion":"0.1","data":{"events":[{"uuid":"dc89b6f5-7f3c-11ee-8c0c-9b7a6a5b4c3d","eventType":"user.lifecycle.create"}]}}', { headers: { Authorization: 'okta-authorization-value' }, type: 'com.okta.event_hook' }),
  shown('auth0', 'auth0-stream-token', '[{"log_id":"90020260115120000000000000000000000001223372061311638626402","data":{"type":"s"}}]', { headers: { Authorization: 'Bearer auth0-stream-token' } }),
  shown('ms_graph', 'client-state-0123456789', '{"value":[{"subscriptionId":"7f105c7d-2dc5-4530-97cd-4e7ae6534c07","clientState":"client-state-0123456789","changeType":"created","resource":"Users/1/Messages/2"}]}', { headers: {} }),
  shown('azure_event_grid', 'event-grid-secret', '[{"id":"831e1650-001e-001b-66ab-eeb76e069631","eventType":"Microsoft.Storage.BlobCreated","subject":"/blobServices/default","eventTime":"2026-01-15T12:00:00Z","data":{},"dataVersion":""}]', { url: 'https://hooks.example.com/grid?code=event-grid-secret', headers: { 'aeg-event-type': 'Notification' }, type: 'Notification' }),
  shown('google_drive_calendar', 'target=myApp-myChannelDest', '', { headers: { 'X-Goog-Channel-Token': 'target=myApp-myChannelDest', 'X-Goog-Channel-ID': '4ba78bf0-6a47-11e2-bcfd-0800200c9a66', 'X-Goog-Message-Number': '10', 'X-Goog-Resource-State': 'update' }, id: '4ba78bf0-6a47-11e2-bcfd-0800200c9a66/10', type: 'update' }),
  shown('telegram', 'telegram_secret-1', '{"update_id":10000,"message":{"message_id":1365,"text":"Grüße"}}', { headers: { 'X-Telegram-Bot-Api-Secret-Token': 'telegram_secret-1' }, id: '10000' }),
  shown('ringcentral', 'rc-verification-token', '{"uuid":"6c3d1b2a-4e5f-4a6b-8c7d-9e0f1a2b3c4d","event":"/restapi/v1.0/account/1/extension/2/message-store","timestamp":"2026-01-15T12:00:00.000Z","body":{}}', { headers: { 'Verification-Token': 'rc-verification-token' }, id: '6c3d1b2a-4e5f-4a6b-8c7d-9e0f1a2b3c4d', type: '/restapi/v1.0/account/1/extension/2/message-store' }),
  shown('cloudflare_notifications', 'cf-webhook-secret', '{"name":"Neu","text":"Grüße","alert_type":"universal_ssl_event_type","ts":1768478400}', { headers: { 'cf-webhook-auth': 'cf-webhook-secret' }, type: 'universal_ssl_event_type' }),
  shown('flutterwave', 'flw-secret-hash', '{"event":"charge.completed","data":{"id":285959875,"tx_ref":"Links-616626414629","amount":100}}', { headers: { 'verif-hash': 'flw-secret-hash' }, type: 'charge.completed' }),
  shown('huggingface', 'hf-webhook-secret', '{"event":{"action":"update","scope":"repo.content"},"repo":{"name":"openai-community/gpt2"},"webhook":{"id":"6390e855e30d9209411de93b"}}', { headers: { 'X-Webhook-Secret': 'hf-webhook-secret' }, type: 'update' }),
  shown('assemblyai', 'assembly-secret', '{"transcript_id":"5552493-16d8-42d8-8feb-c2a16b56f6e8","status":"completed"}', { headers: { 'X-Webhook-Secret': 'assembly-secret' }, id: '5552493-16d8-42d8-8feb-c2a16b56f6e8', type: 'completed' }),
  shown('supabase_db', 'supabase-db-secret', '{"type":"INSERT","table":"orders","schema":"public","record":{"id":1},"old_record":null}', { headers: { 'X-Webhook-Secret': 'supabase-db-secret' }, type: 'INSERT' }),
  shown('datadog', 'datadog-secret', '{"id":"8123456789","event_type":"metric_alert_monitor","title":"Störung"}', { headers: { 'X-Webhook-Secret': 'datadog-secret' }, type: 'metric_alert_monitor' }),
  shown('zapier', 'zapier-secret', '{"id":"1","name":"Zoë"}', { headers: { 'X-Webhook-Secret': 'zapier-secret' } }),
  shown('deepgram', 'b1c7f4a2-e6d8-4035-9b1c-7f4a2e6d8035', '{"metadata":{"request_id":"a847f427-4ad5-4d67-9b95-db801e58251c","channels":1},"results":{}}', { headers: { 'dg-token': 'b1c7f4a2-e6d8-4035-9b1c-7f4a2e6d8035' }, id: 'a847f427-4ad5-4d67-9b95-db801e58251c' }),
  shown('chargebee', 'chargebee:pass word', '{"id":"ev___test__KyVnHhSBWTnbc2xF","occurred_at":1768478400,"event_type":"subscription_created","content":{}}', { headers: basic('chargebee', 'pass word'), id: 'ev___test__KyVnHhSBWTnbc2xF', type: 'subscription_created' }),
  shown('postmark', 'postmark:pa:ss', '{"RecordType":"Delivery","ServerID":23,"MessageID":"00000000-0000-0000-0000-000000000000","Recipient":"john@example.com"}', { headers: basic('postmark', 'pa:ss'), type: 'Delivery' }),
  shown('pipedrive', 'pipedrive:secret', '{"meta":{"id":"1b4e28ba-2fa1-11d2-883f-0016d3cca427","action":"create","entity":"deal"},"data":{"id":1},"previous":null}', { headers: basic('pipedrive', 'secret'), id: '1b4e28ba-2fa1-11d2-883f-0016d3cca427', type: 'create' }),
  shown('mixpanel', 'mixpanel:secret', '{"action":"members","parameters":{"mixpanel_cohort_name":"Köln","members":[]}}', { headers: basic('mixpanel', 'secret'), type: 'members' }),
  shown('bandwidth', 'bandwidth:secret', '[{"time":"2026-01-15T12:00:00Z","type":"message-delivered","to":"+12345678902","message":{"id":"14762070468292kw2fuqty55yp2b2"}}]', { headers: basic('bandwidth', 'secret') }),
]

export const own = () => [family, lists, times, bodies, requests, rsas, tokens, secrets].flatMap(make => make())
