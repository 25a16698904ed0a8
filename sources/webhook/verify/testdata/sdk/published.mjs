// What the providers' documentation prints in full: secret, request and signature.
const json = { 'Content-Type': 'application/json' }
const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
const secret = "It's a Secret to Everybody"

export const published = [
  {
    preset: 'github', source: 'https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation',
    secret, now: '2026-01-15T12:00:00Z', body: 'Hello, World!', headers: { 'X-Hub-Signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17' },
  },
  {
    preset: 'jira', source: 'https://developer.atlassian.com/cloud/jira/platform/webhooks/#secure-admin-webhooks',
    secret, now: '2026-01-15T12:00:00Z', body: 'Hello World!', headers: { 'X-Hub-Signature': 'sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9' },
  },
  {
    preset: 'bitbucket', source: 'https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/#Test-the-webhook-payload-validation',
    secret, now: '2026-01-15T12:00:00Z', body: 'Hello World!', headers: { 'X-Hub-Signature': 'sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9' },
  },
  ...[
    ['hello world', 'secret', '734cc62f32841568f45715aeb9f4d7891324e6d948e4c6c60c0621cdac48623a'],
    ['lalala', 'another-secret', 'daa220016c8f29a8b214fbfc3671aeec2145cfb1e6790184ffb38b6d0425fa00'],
    ['an-important-request-payload', 'hunter123', '9be2242094a9a8c00c64306f382a7f9d691de910b4a266f67bd314ef18ac49fa'],
  ].map(([body, secret, signature]) => ({
    preset: 'circleci', source: 'https://circleci.com/docs/guides/integration/outbound-webhooks/#validate-webhooks',
    secret, now: '2026-01-15T12:00:00Z', body, headers: { 'circleci-signature': `v1=${signature}` },
  })),
  ...['standard_webhooks', 'svix'].map(preset => {
    const prefix = preset === 'svix' ? 'svix' : 'webhook'
    return {
      preset, source: preset === 'svix' ? 'https://docs.svix.com/receiving/verifying-payloads/how-manual' : 'https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md',
      secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', now: '2021-02-25T15:02:10Z', body: '{"test": 2432232314}', id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      headers: { [`${prefix}-id`]: 'msg_p5jXN8AQM9LWM0D4loKWxJek', [`${prefix}-timestamp`]: '1614265330', [`${prefix}-signature`]: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=' },
    }
  }),
  {
    preset: 'slack', source: 'https://docs.slack.dev/authentication/verifying-requests-from-slack',
    secret: '8f742231b10e8888abcd99yyyzzz85a5', now: '2018-07-12T18:36:58Z',
    headers: { ...form, 'X-Slack-Request-Timestamp': '1531420618', 'X-Slack-Signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503' },
    body: 'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c',
  },
  {
    preset: 'sinch', source: 'https://developers.sinch.com/docs/conversation/callbacks',
    secret: 'foo_secret1234', now: '2021-10-18T17:49:13Z',
    headers: { ...json, 'x-sinch-webhook-signature-timestamp': '1634579353', 'x-sinch-webhook-signature-nonce': '01FJA8B4A7BM43YGWSG9GBV067', 'x-sinch-webhook-signature-algorithm': 'HmacSHA256', 'x-sinch-webhook-signature': '6bpJoRmFoXVjfJIVglMoJzYXxnoxRujzR4k2GOXewOE=' },
    body: '{"app_id":"","accepted_time":"2021-10-18T17:49:13.813615Z","project_id":"e2df3a34-a71b-4448-9db5-a8d2baad28e4","contact_create_notification":{"contact":{"id":"01FJA8B466Y0R2GNXD78MD9SM1","channel_identities":[{"channel":"SMS","identity":"48123456789","app_id":""}],"display_name":"New Test Contact","email":"new.contact@email.com","external_id":"","metadata":"","language":"EN_US"}},"message_metadata":""}',
  },
  {
    preset: 'square', source: 'https://developer.squareup.com/docs/webhooks/step3validate',
    secret: 'asdf1234', now: '2026-01-15T12:00:00Z', url: 'https://example.com/webhook', body: '{"hello":"world"}', headers: { 'X-Square-HmacSha256-Signature': '2kRE5qRU2tR+tBGlDwMEw2avJ7QM4ikPYD/PJ3bd9Og=' },
  },
  {
    preset: 'twilio', source: 'https://www.twilio.com/docs/usage/security',
    secret: '12345', now: '2026-01-15T12:00:00Z', url: 'https://example.com/myapp.php?foo=1&bar=2', headers: { ...form, 'X-Twilio-Signature': 'L/OH5YylLD5NRKLltdqwSvS0BnU=' },
    body: 'CallSid=CA1234567890ABCDE&Caller=%2B14158675310&Digits=1234&From=%2B14158675310&To=%2B18005551212',
  },
  {
    preset: 'hubspot_v1', source: 'https://legacydocs.hubspot.com/docs/faq/validating-requests-from-hubspot',
    secret: 'yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy', now: '2026-01-15T12:00:00Z', type: 'contact.creation',
    headers: { ...json, 'X-HubSpot-Signature-Version': 'v1', 'X-HubSpot-Signature': '232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de' },
    body: '[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]',
  },
  {
    preset: 'hubspot_v2', source: 'https://legacydocs.hubspot.com/docs/faq/v2-request-validation',
    secret: 'yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy', now: '2026-01-15T12:00:00Z', url: 'https://www.example.com/webhook_uri', body: '{"example_field":"example_value"}',
    headers: { ...json, 'X-HubSpot-Signature-Version': 'v2', 'X-HubSpot-Signature': '9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900' },
  },
  {
    preset: 'adyen', source: 'https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures/',
    secret: '44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056', now: '2026-01-15T12:00:00Z', headers: json, id: '7914073381342284/AUTHORISATION/true', type: 'AUTHORISATION',
    body: '{"live":"false","notificationItems":[{"NotificationRequestItem":{"additionalData":{"hmacSignature":"coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="},"amount":{"value":1130,"currency":"EUR"},"pspReference":"7914073381342284","eventCode":"AUTHORISATION","eventDate":"2019-05-06T17:15:34.121+02:00","merchantAccountCode":"TestMerchant","operations":["CANCEL","CAPTURE","REFUND"],"merchantReference":"TestPayment-1407325143704","paymentMethod":"visa","success":"true"}}]}',
  },
]
