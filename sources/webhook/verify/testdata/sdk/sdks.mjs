// Vectors of the providers' own SDKs: what an SDK can sign it signs; the rest
// is signed by node's crypto, and the SDK has to accept it.
import { millis, now, rfc3339, seconds } from './clock.mjs'
import { createRequire } from 'node:module'
import { EventEmitter } from 'node:events'
import https from 'node:https'
import { createSecretKey } from 'node:crypto'
import { der, ecdsa, ed25519, hash, hmac, jwt, keySet, keys, multipart, publicKey, rsa } from './signing.mjs'

import adyen from '@adyen/api-library'
import { verifyWebhook } from '@clerk/backend/webhooks'
import * as contentful from '@contentful/node-apps-toolkit'
import dropboxSign from '@dropbox/sign'
import { ElevenLabsClient } from '@elevenlabs/elevenlabs-js'
import EasyPost from '@easypost/api'
import { Signature as HubSpot } from '@hubspot/api-client'
import hygraph from '@hygraph/utils'
import { decodeWebhook } from '@kinde/webhooks'
import kontent from '@kontent-ai/webhook-helper'
import { validateSignature as validateLine } from '@line/bot-sdk'
import { LinearWebhookClient } from '@linear/sdk/webhooks'
import { WebhookHandler as Liveblocks } from '@liveblocks/node'
import Mux from '@mux/mux-node'
import notion from '@notionhq/client'
import { sign as signGitHub, verify as verifyGitHub } from '@octokit/webhooks-methods'
import { Paddle } from '@paddle/paddle-node-sdk'
import { validateEvent, WebhookVerificationError } from '@polar-sh/sdk/webhooks'
import * as sanity from '@sanity/webhook'
import { SeamWebhook } from '@seamapi/webhook'
import sendgrid from '@sendgrid/eventwebhook'
import '@shopify/shopify-api/adapters/node'
import { ApiVersion, LogSeverity, shopifyApi } from '@shopify/shopify-api'
import { verifySignature as verifyVonage } from '@vonage/jwt'
import { AppStrategy } from '@wix/sdk'
import { WorkOS } from '@workos-inc/node'
import atlassian from 'atlassian-jwt'
import { WebhooksManager as Box } from 'box-node-sdk/managers/webhooks'
import braintree from 'braintree'
import coinbase from 'coinbase-commerce-node'
import { Crisp } from 'crisp-api'
import discord from 'discord-interactions'
import * as gocardless from 'gocardless-nodejs/webhooks'
import { OAuth2Client } from 'google-auth-library'
import { AccessToken, WebhookReceiver } from 'livekit-server-sdk'
import { WebhookSignatureValidator } from 'mercadopago'
import ModernTreasury from 'modern-treasury'
import OpenAI from 'openai'
import plivo from 'plivo'
import Pusher from 'pusher'
import Razorpay from 'razorpay'
import Replicate from 'replicate'
import { Resend } from 'resend'
import Retell from 'retell-sdk'
import SNSValidator from 'sns-validator'
import { WebhooksHelper as Square } from 'square'
import { Webhook as StandardWebhook } from 'standardwebhooks'
import Stripe from 'stripe'
import { Webhook as SvixWebhook } from 'svix'
import { TelnyxWebhook } from 'telnyx/lib/webhooks'
import twilio from 'twilio'
import { WebflowClient } from 'webflow-api'

const require = createRequire(import.meta.url)
const messagebird = require('messagebird/lib/webhook-signature-jwt')
const slack = require('@slack/bolt/dist/receivers/verify-request')
const ebay = require('event-notification-nodejs-sdk/lib/client')
const { validateSignature: validateEBay } = require('event-notification-nodejs-sdk/lib/validator')

const json = { 'Content-Type': 'application/json' }
const form = { 'Content-Type': 'application/x-www-form-urlencoded' }

// lower is the headers as node hands them over.
const lower = headers => Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

// The family of Standard Webhooks: one scheme under many names.
const whsec = 'whsec_MjAyNi10cm90bGluZS10ZXN0LXNlY3JldC0wMQ=='
const standardHeaders = (prefix, id, signature) => ({ ...json, [`${prefix}-Id`]: id, [`${prefix}-Timestamp`]: seconds, [`${prefix}-Signature`]: signature })

function standard(preset, npm, call, { id = 'msg_2mJbNQjUbVbFJGqM7GhbNhTRVZF', type, body, secret = whsec, prefix = 'Webhook', accepts }) {
  const signer = new (prefix === 'Svix' ? SvixWebhook : StandardWebhook)(secret)
  return { preset, npm, call, secret, headers: standardHeaders(prefix, id, signer.sign(id, now, body)), body, id, type, accepts }
}

export const sdks = [
  () => standard('standard_webhooks', 'standardwebhooks', 'Webhook.sign', {
    type: 'contact.created', body: '{"type":"contact.created","timestamp":"2026-01-15T12:00:00Z","data":{"name":"Zoë"}}',
    accepts: r => new StandardWebhook(r.secret).verify(r.body, r.headers),
  }),

  () => standard('svix', 'svix', 'Webhook.sign', {
    prefix: 'Svix', type: 'invoice.paid', body: '{"type": "invoice.paid", "data": {"id": "in_1", "total": 10.10}}\n',
    accepts: r => new SvixWebhook(r.secret).verify(r.body, lower(r.headers)),
  }),

  () => standard('clerk', '@clerk/backend', 'verifyWebhook', {
    prefix: 'Svix', type: 'user.created', body: '{"data":{"id":"user_29w83sxmDNGwOuEthce5gg56FcC","first_name":"Zoë"},"object":"event","type":"user.created","timestamp":1768478400000}',
    accepts: r => verifyWebhook(new Request('https://hooks.example.com', { method: 'POST', headers: r.headers, body: r.body }), { signingSecret: r.secret }),
  }),

  () => standard('resend', 'resend', 'webhooks.verify', {
    prefix: 'Svix', type: 'email.delivered', body: '{"type":"email.delivered","created_at":"2026-01-15T12:00:00.000Z","data":{"email_id":"56761188-7520-42d8-8898-ff6fc54ce618"}}',
    accepts: r => new Resend('re_unused').webhooks.verify({
      payload: r.body, webhookSecret: r.secret,
      headers: { id: r.headers['Svix-Id'], timestamp: r.headers['Svix-Timestamp'], signature: r.headers['Svix-Signature'] },
    }),
  }),

  () => standard('seam', '@seamapi/webhook', 'SeamWebhook.verify', {
    prefix: 'Svix', type: 'lock.unlocked', body: '{"event_id":"5b6f3d4e-0f2a-4a0c-8a51-9ce2bd4b2a11","event_type":"lock.unlocked","device_id":"0a8d5f3b-7c1d-4a7e-8d57-c6b1ce3b1a34"}',
    accepts: r => new SeamWebhook(r.secret).verify(r.body, r.headers),
  }),

  () => standard('openai', 'openai', 'webhooks.verifySignature', {
    id: 'wh_685342e6c53c8190a1be43f081506c52', type: 'response.completed',
    body: '{"object":"event","id":"evt_685343a1381c819085d44c354e1b330e","type":"response.completed","created_at":1768478400,"data":{"id":"resp_abc123"}}',
    accepts: r => new OpenAI({ apiKey: 'unused', webhookSecret: r.secret }).webhooks.unwrap(r.body, r.headers),
  }),

  () => standard('replicate', 'replicate', 'validateWebhook', {
    type: undefined, body: '{"id":"ufawqhfynnddngldkgtslldrkq","status":"succeeded","output":["https://replicate.delivery/out.png"]}',
    accepts: r => Replicate.validateWebhook({
      id: r.headers['Webhook-Id'], timestamp: r.headers['Webhook-Timestamp'], signature: r.headers['Webhook-Signature'], body: r.body, secret: r.secret,
    }),
  }),

  () => standard('liveblocks', '@liveblocks/node', 'WebhookHandler.verifyRequest', {
    type: 'storageUpdated', body: '{"type":"storageUpdated","data":{"projectId":"my-project","roomId":"my-room","updatedAt":"2026-01-15T12:00:00Z"}}',
    accepts: r => new Liveblocks(r.secret).verifyRequest({ headers: r.headers, rawBody: r.body }),
  }),

  () => {
    const secret = 'polar_whs_ovyN6cPrTv56AApvzCaJno08SSmGJmgbWilb33N2JuK'
    const id = 'b4f1e2f0-5d1c-4d0f-93c5-0f0c1d3f6c9a', body = '{"type":"order.paid","timestamp":"2026-01-15T12:00:00Z","data":{"id":"5c4f8a3e"}}'
    const signature = new StandardWebhook(Buffer.from(secret).toString('base64')).sign(id, now, body)
    return {
      preset: 'polar', npm: '@polar-sh/sdk', call: 'validateEvent', secret, headers: standardHeaders('Webhook', id, signature), body, id, type: 'order.paid',
      // An event that the SDK does not know is not one that it does not believe.
      accepts: r => { try { validateEvent(r.body, lower(r.headers), r.secret) } catch (e) { return !(e instanceof WebhookVerificationError) } },
    }
  },

  // Time and signatures in one header.
  () => {
    const secret = 'whsec_5f8d0e6b2a4c4f0f9e1d3c7b6a5948372615', stripe = new Stripe('sk_test_unused')
    const body = '{\n  "id": "evt_1SpQ2r2eZvKYlo2C0Gk9Zr1T",\n  "object": "event",\n  "type": "invoice.paid",\n  "data": {"object": {"customer_name": "Zoë"}}\n}'
    return {
      preset: 'stripe', npm: 'stripe', call: 'webhooks.generateTestHeaderString', secret, body, id: 'evt_1SpQ2r2eZvKYlo2C0Gk9Zr1T', type: 'invoice.paid',
      headers: { ...json, 'Stripe-Signature': stripe.webhooks.generateTestHeaderString({ payload: body, secret }) },
      accepts: r => stripe.webhooks.constructEvent(r.body, r.headers['Stripe-Signature'], r.secret),
    }
  },

  () => {
    const secret = 'n8ob7d3ag5qvkd5q0p6nk1qv0hq9fvhv', body = '{"type":"video.asset.ready","id":"0a7fb5d6-4c1e-4b8b-8f86-6b6ab5ffe7b5","created_at":"2026-01-15T12:00:00.000000Z","data":{"status":"ready"}}'
    return {
      preset: 'mux', npm: '@mux/mux-node', call: 'webhooks.verifySignature', secret, body, id: '0a7fb5d6-4c1e-4b8b-8f86-6b6ab5ffe7b5', type: 'video.asset.ready',
      headers: { ...json, 'Mux-Signature': `t=${seconds},v1=${hmac('sha256', secret, `${seconds}.${body}`, 'hex')}` },
      accepts: r => new Mux({ tokenId: 'unused', tokenSecret: 'unused' }).webhooks.verifySignature(r.body, r.headers, r.secret),
    }
  },

  () => {
    const secret = 'whs_Kd92LmQ0nR7sT4vX', body = '{"id":"event_01FK3HFFGMC2WF32RR8SKWC8KA","event":"dsync.user.created","created_at":"2026-01-15T12:00:00.000Z","data":{"id":"directory_user_01E1X1B89NH8Z3SDFJR4H7RGX7"}}'
    return {
      preset: 'workos', npm: '@workos-inc/node', call: 'webhooks.verifyHeader', secret, body, id: 'event_01FK3HFFGMC2WF32RR8SKWC8KA', type: 'dsync.user.created',
      headers: { ...json, 'WorkOS-Signature': `t=${millis}, v1=${hmac('sha256', secret, `${millis}.${body}`, 'hex')}` },
      accepts: r => new WorkOS('sk_unused').webhooks.verifyHeader({ payload: JSON.parse(r.body), sigHeader: r.headers['WorkOS-Signature'], secret: r.secret }),
    }
  },

  async () => {
    const secret = 'a-sanity-secret', body = '{"_id":"movie_70981","_type":"movie","title":"Amélie"}'
    return {
      preset: 'sanity', npm: '@sanity/webhook', call: 'encodeSignatureHeader', secret, body, id: 'r0LJRNzUHBNqKlLGHxGYzK', type: undefined,
      headers: { ...json, 'Idempotency-Key': 'r0LJRNzUHBNqKlLGHxGYzK', 'Sanity-Webhook-Signature': await sanity.encodeSignatureHeader(body, now.getTime(), secret) },
      accepts: r => sanity.isValidSignature(r.body, r.headers['Sanity-Webhook-Signature'], r.secret),
    }
  },

  () => {
    const secret = 'wsec_1f8b2d0c7a9e4f6b', body = '{"type":"post_call_transcription","event_timestamp":1768478400,"data":{"conversation_id":"conv_1"}}'
    return {
      preset: 'elevenlabs', npm: '@elevenlabs/elevenlabs-js', call: 'webhooks.constructEvent', secret, body, type: 'post_call_transcription',
      headers: { ...json, 'ElevenLabs-Signature': `t=${seconds},v0=${hmac('sha256', secret, `${seconds}.${body}`, 'hex')}` },
      accepts: r => new ElevenLabsClient({ apiKey: 'unused' }).webhooks.constructEvent(r.body, r.headers['ElevenLabs-Signature'], r.secret),
    }
  },

  () => {
    const secret = 'pdl_ntfset_01gkdqbhbjsbkxpmcvkfwqt9nj_sFxkWEZMVbZcRBKrsSfbMPJyGaRM4Lzx'
    const body = '{"event_id":"evt_01hv8x29kz0t586xy6zn1a62ny","event_type":"transaction.completed","occurred_at":"2026-01-15T12:00:00.000000Z","notification_id":"ntf_01hv8x29nv5sd4qxyaynpz68e7","data":{}}'
    return {
      preset: 'paddle', npm: '@paddle/paddle-node-sdk', call: 'webhooks.isSignatureValid', secret, body, id: 'evt_01hv8x29kz0t586xy6zn1a62ny', type: 'transaction.completed',
      headers: { ...json, 'Paddle-Signature': `ts=${seconds};h1=${hmac('sha256', secret, `${seconds}:${body}`, 'hex')}` },
      accepts: r => new Paddle('unused').webhooks.isSignatureValid(r.body, r.secret, r.headers['Paddle-Signature']),
    }
  },

  async () => {
    const secret = 'key_2f8c1d7e9b0a4c6f', body = '{"event":"call_ended","call":{"call_id":"Jabr9TXYYJHfvl6Syypi88rdAHYHmcq6"}}'
    return {
      preset: 'retell', npm: 'retell-sdk', call: 'Retell.sign', secret, body, type: 'call_ended',
      headers: { ...json, 'X-Retell-Signature': await Retell.sign(body, secret) },
      accepts: r => Retell.verify(r.body, r.secret, r.headers['X-Retell-Signature']),
    }
  },

  () => {
    const secret = '8f3e1d2c4b5a69788796a5b4c3d2e1f0', body = '{"id":12345,"live_mode":true,"type":"payment","date_created":"2026-01-15T12:00:00.000-04:00","action":"payment.created","data":{"id":"999999999"}}'
    const ts = seconds, request = 'bb56a2f1-6aae-46ac-982e-9dcd3581d08e'
    return {
      preset: 'mercado_pago', npm: 'mercadopago', call: 'WebhookSignatureValidator.validate', secret, body, id: '12345', type: 'payment',
      url: 'https://hooks.example.com/mercado?data.id=999999999&type=payment',
      headers: { ...json, 'X-Request-Id': request, 'X-Signature': `ts=${ts},v1=${hmac('sha256', secret, `id:999999999;request-id:${request};ts:${ts};`, 'hex')}` },
      accepts: r => WebhookSignatureValidator.validate({
        xSignature: r.headers['X-Signature'], xRequestId: r.headers['X-Request-Id'], dataId: new URL(r.url).searchParams.get('data.id'), secret: r.secret, toleranceSeconds: 300,
      }),
      // The body is not signed.
      tampered: r => ({ ...r, url: r.url.replace('999999999', '999999998') }),
    }
  },

  async () => {
    const secret = '4f9c2b7e1d8a6035', body = '{"operation":"publish","data":{"id":"cl8xyz","title":"Über \\"uns\\" / 100 % \\\\u2028 \u2028"}}'
    return {
      preset: 'hygraph', npm: '@hygraph/utils', call: 'generateWebhookSignature', unsendable: 'it reads the list by position', secret, body, type: 'publish',
      headers: { ...json, 'Gcms-Signature': hygraph.generateWebhookSignature({ rawPayload: body, environmentName: 'master', secret }) },
      accepts: r => hygraph.verifyWebhookSignature({ rawPayload: r.body, signature: r.headers['Gcms-Signature'], secret: r.secret }),
    }
  },

  // Time in a header of its own.
  () => {
    const secret = '8f742231b10e8888abcd99yyyzzz85a5', body = '{"token":"z26uFbvR1xHJEdHE1OQiO6t8","team_id":"T061EG9RZ","type":"event_callback","event_id":"Ev9UQ52YNA","event_time":1768478400,"event":{"type":"app_mention","text":"Grüße"}}'
    return {
      preset: 'slack', npm: '@slack/bolt', call: 'verifySlackRequest', secret, body, id: 'Ev9UQ52YNA', type: 'app_mention',
      headers: { ...json, 'X-Slack-Request-Timestamp': seconds, 'X-Slack-Signature': `v0=${hmac('sha256', secret, `v0:${seconds}:${body}`, 'hex')}` },
      accepts: r => slack.verifySlackRequest({ signingSecret: r.secret, body: r.body, headers: lower(r.headers) }),
    }
  },

  () => {
    const body = '{"type":"webhook_event","id":"0f6b4e1f-7e2f-4c0b-8df1-1e6e5b1b4b9c","created_at":"2026-01-15T04:00:00-08:00","trigger":"FILE.UPLOADED","webhook":{"id":"53","type":"webhook"}}'
    const primary = 'Fd28OJrZ8oNxkgmS7TbjXNgrG8v', secondary = 'KWkROAOiof4zhYUHbAmiVn63cMj', at = new Date(now.getTime() - 8 * 3600e3).toISOString().slice(0, 19) + '-08:00'
    const signed = key => hmac('sha256', key, body + at, 'base64')
    return {
      preset: 'box', npm: 'box-node-sdk', call: 'WebhooksManager.validateMessage', secret: primary, body, id: 'f96bb54b-ee16-4fc5-aa65-8c2d9e5b546f', type: 'FILE.UPLOADED',
      headers: {
        ...json, 'Box-Delivery-Id': 'f96bb54b-ee16-4fc5-aa65-8c2d9e5b546f', 'Box-Delivery-Timestamp': at, 'Box-Signature-Algorithm': 'HmacSHA256', 'Box-Signature-Version': '1',
        'Box-Signature-Primary': signed(primary), 'Box-Signature-Secondary': signed(secondary),
      },
      accepts: r => Box.validateMessage(r.body, lower(r.headers), r.secret),
    }
  },

  () => {
    const secret = '9b1c7f4a2e6d8035b1c7f4a2e6d80359', body = '{"triggerType":"form_submission","payload":{"id":"6321ca84df3949bfc6752327","name":"Contact"}}'
    return {
      preset: 'webflow', npm: 'webflow-api', call: 'webhooks.verifySignature', secret, body, id: undefined, type: 'form_submission',
      headers: { ...json, 'X-Webflow-Timestamp': millis, 'X-Webflow-Signature': hmac('sha256', secret, `${millis}:${body}`, 'hex') },
      accepts: r => new WebflowClient({ accessToken: 'unused' }).webhooks.verifySignature({ headers: lower(r.headers), body: r.body, secret: r.secret }),
    }
  },

  () => {
    const secret = 'b1c7f4a2e6d803599b1c7f4a2e6d8035', body = '{"website_id":"8c842203-7ed8-4e29-a608-7cf78a7d2fcc","event":"message:send","data":{"content":"Grüße"},"timestamp":1768478400000}'
    return {
      preset: 'crisp', npm: 'crisp-api', call: 'verifyWidget', secret, body, id: undefined, type: 'message:send',
      headers: { ...json, 'X-Crisp-Request-Timestamp': millis, 'X-Crisp-Signature': hmac('sha256', secret, `[${millis};${body}]`, 'hex') },
      accepts: r => new Crisp().verifyWidget(r.secret, JSON.parse(r.body), r.headers['X-Crisp-Request-Timestamp'], r.headers['X-Crisp-Signature']),
    }
  },

  () => {
    const secret = '3b6c1f9e8d7a4250'.repeat(4), body = '{"sys":{"type":"Entry","id":"6KntaYXaHSyIw8M6eo26OK"},"fields":{"name":{"de":"Köln"}}}'
    const path = '/hooks/contentful', headers = { 'X-Contentful-Topic': 'ContentManagement.Entry.publish', 'Content-Type': 'application/vnd.contentful.management.v1+json' }
    const signed = contentful.signRequest(secret, { method: 'POST', path, headers, body }, now.getTime())
    return {
      preset: 'contentful', npm: '@contentful/node-apps-toolkit', call: 'signRequest', secret, body, url: `https://hooks.example.com${path}`, id: undefined, type: 'ContentManagement.Entry.publish',
      headers: {
        ...headers, 'X-Contentful-Timestamp': signed['x-contentful-timestamp'],
        'X-Contentful-Signed-Headers': signed['x-contentful-signed-headers'], 'X-Contentful-Signature': signed['x-contentful-signature'],
      },
      accepts: r => contentful.verifyRequest(r.secret, { method: r.method, path: new URL(r.url).pathname, headers: r.headers, body: r.body }),
    }
  },

  // Nothing but the body.
  async () => {
    const secret = "It's a Secret to Everybody", body = '{"action":"opened","issue":{"title":"Ümlaut"},"repository":{"full_name":"octocat/hello"}}'
    return {
      preset: 'github', npm: '@octokit/webhooks-methods', call: 'sign', secret, body, id: '72d3162e-cc78-11e3-81ab-4c9367dc0958', type: 'issues',
      headers: { ...json, 'X-GitHub-Delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958', 'X-GitHub-Event': 'issues', 'X-Hub-Signature-256': await signGitHub(secret, body) },
      accepts: r => verifyGitHub(r.secret, r.body, r.headers['X-Hub-Signature-256']),
    }
  },

  () => {
    const secret = 'hush-shpss_6f3a', body = '{"id":820982911946154508,"email":"jon@example.com","total_price":"10.10"}'
    const shopify = shopifyApi({ apiKey: 'unused', apiSecretKey: secret, hostName: 'hooks.example.com', apiVersion: Object.values(ApiVersion).at(-1), isEmbeddedApp: false, scopes: [], logger: { level: LogSeverity.Error } })
    return {
      preset: 'shopify', npm: '@shopify/shopify-api', call: 'webhooks.validate', secret, body, id: 'b54557e4-bdd9-4b37-8a5f-bf7d70bcd043', type: 'orders/create',
      headers: {
        ...json, 'X-Shopify-Topic': 'orders/create', 'X-Shopify-Shop-Domain': 'johns-apparel.myshopify.com', 'X-Shopify-API-Version': '2026-01',
        'X-Shopify-Webhook-Id': 'b54557e4-bdd9-4b37-8a5f-bf7d70bcd043', 'X-Shopify-Hmac-Sha256': hmac('sha256', secret, body, 'base64'),
      },
      accepts: async r => (await shopify.webhooks.validate({ rawBody: r.body, rawRequest: { method: 'POST', url: '/', headers: lower(r.headers) }, rawResponse: {} })).valid,
    }
  },

  () => {
    const secret = 'lin_wh_b7R2sT9qLm4Xv8Zc', body = `{"action":"create","type":"Issue","data":{"id":"2174add1-f7c8-44e3-bbf3-2d60b5ea8bc9"},"webhookTimestamp":${millis},"webhookId":"000042e3-d123-4980-b49f-8e140eef9329"}`
    return {
      preset: 'linear', npm: '@linear/sdk', call: 'LinearWebhookClient.verify', secret, body, id: '234d1a4e-b617-4388-90fe-adc3633d6b72', type: 'Issue',
      headers: { ...json, 'Linear-Delivery': '234d1a4e-b617-4388-90fe-adc3633d6b72', 'Linear-Event': 'Issue', 'Linear-Signature': hmac('sha256', secret, body, 'hex') },
      accepts: r => new LinearWebhookClient(r.secret).verify(Buffer.from(r.body), r.headers['Linear-Signature'], JSON.parse(r.body).webhookTimestamp),
    }
  },

  async () => {
    const secret = 'secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl', body = '{"id":"367cba44-b6f3-4c92-81e7-6a2e9659efd4","timestamp":"2026-01-15T12:00:00.000Z","type":"page.created","entity":{"id":"153104cd-477e-809d-8dc4-ff2d96ae3090","type":"page"}}'
    return {
      preset: 'notion', npm: '@notionhq/client', call: 'signWebhookPayload', secret, body, id: '367cba44-b6f3-4c92-81e7-6a2e9659efd4', type: 'page.created',
      headers: { ...json, 'X-Notion-Signature': await notion.signWebhookPayload({ body, verificationToken: secret }) },
      accepts: r => notion.verifyWebhookSignature({ body: r.body, signature: r.headers['X-Notion-Signature'], verificationToken: r.secret }),
    }
  },

  () => {
    const secret = '12345', body = '{"entity":"event","account_id":"acc_BFQ7uQEaa7j2z7","event":"payment.authorized","contains":["payment"],"payload":{},"created_at":1768478400}'
    return {
      preset: 'razorpay', npm: 'razorpay', call: 'validateWebhookSignature', secret, body, id: 'S9yXGcVfkrzIul', type: 'payment.authorized',
      headers: { ...json, 'X-Razorpay-Event-Id': 'S9yXGcVfkrzIul', 'X-Razorpay-Signature': hmac('sha256', secret, body, 'hex') },
      accepts: r => Razorpay.validateWebhookSignature(r.body, r.headers['X-Razorpay-Signature'], r.secret),
    }
  },

  () => {
    const secret = '9d5b1f0c-7c3e-4a8d-b6f2-0e1a2c3d4e5f', body = '{"id":1,"scheduled_for":"2026-01-15T12:00:00Z","event":{"id":"24934862-d980-46cb-9402-43c81b0cdba6","type":"charge:confirmed","data":{"code":"66BEOV2A"}}}'
    return {
      preset: 'coinbase_commerce', npm: 'coinbase-commerce-node', call: 'Webhook.computeSignature', secret, body, id: '24934862-d980-46cb-9402-43c81b0cdba6', type: 'charge:confirmed',
      headers: { ...json, 'X-CC-Webhook-Signature': coinbase.Webhook.computeSignature(body, secret) },
      accepts: r => coinbase.Webhook.verifySigHeader(r.body, r.headers['X-CC-Webhook-Signature'], r.secret),
    }
  },

  () => {
    const secret = 'ED7D658C-D8EB-4941-948B-3973214F2D49', body = '{"events":[{"id":"EV00BD05S5VM2T","created_at":"2026-01-15T12:00:00.000Z","resource_type":"subscriptions","action":"created"}],"meta":{"webhook_id":"WB00BD05S5VM2T"}}'
    return {
      preset: 'gocardless', npm: 'gocardless-nodejs', call: 'webhooks.parse', secret, body, id: 'WB00BD05S5VM2T', type: 'subscriptions',
      headers: { ...json, 'Webhook-Signature': hmac('sha256', secret, body, 'hex') },
      accepts: r => gocardless.parse(r.body, r.secret, r.headers['Webhook-Signature']),
    }
  },

  () => {
    const secret = 'mt-webhook-key', body = '{"event":"completed","data":{"id":"f6ba1a0e-3a3c-4e0b-9a8c-f8f7b8a9e1c2","object":"payment_order"}}'
    const client = new ModernTreasury({ apiKey: 'unused', organizationID: 'unused' })
    return {
      preset: 'modern_treasury', npm: 'modern-treasury', call: 'webhooks.getSignature', secret, body, id: 'b2f4c0aa-6c80-4b0e-9d8f-7a0a5a1d5f11', type: 'payment_order',
      headers: { ...json, 'X-Topic': 'payment_order', 'X-Event': 'completed', 'X-Webhook-Id': 'b2f4c0aa-6c80-4b0e-9d8f-7a0a5a1d5f11', 'X-Signature': client.webhooks.getSignature(body, { key: secret }) },
      accepts: r => client.webhooks.validateSignature(r.body, r.headers['X-Signature'], { key: r.secret }),
    }
  },

  () => {
    const secret = '7ad3773142a6692b25b8', body = `{"time_ms":${millis},"events":[{"name":"channel_occupied","channel":"my-channel"}]}`
    return {
      preset: 'pusher', npm: 'pusher', call: 'webhook().isValid', unsendable: 'it wants its key in a header', secret, body,
      headers: { ...json, 'X-Pusher-Key': '278d425bdf160c739803', 'X-Pusher-Signature': hmac('sha256', secret, body, 'hex') },
      accepts: r => new Pusher({ appId: '1', key: '278d425bdf160c739803', secret: r.secret }).webhook({ headers: lower(r.headers), rawBody: r.body }).isValid(),
    }
  },

  () => {
    const secret = 'c0ffee5ecret', body = '{"destination":"xxxxxxxxxx","events":[{"type":"message","webhookEventId":"01FZ74A0TDDPYRVKNK77XKC3ZR","timestamp":1768478400000,"message":{"type":"text","text":"こんにちは"}}]}'
    return {
      preset: 'line', npm: '@line/bot-sdk', call: 'validateSignature', secret, body,
      headers: { ...json, 'X-Line-Signature': hmac('sha256', secret, body, 'base64') },
      accepts: r => validateLine(r.body, r.secret, r.headers['X-Line-Signature']),
    }
  },

  () => {
    const secret = 'wSm7Hv1Zt9Qe', body = '{"notifications":[{"data":{"system":{"id":"xxx","codename":"artikel"}},"message":{"action":"published","object_type":"content_item"}}]}'
    return {
      preset: 'kontent_ai', npm: '@kontent-ai/webhook-helper', call: 'signatureHelper.getHashFromString', secret, body,
      headers: { ...json, 'X-Kontent-ai-Signature': kontent.signatureHelper.getHashFromString(body, secret) },
      accepts: r => kontent.signatureHelper.isValidSignatureFromString(r.body, r.secret, r.headers['X-Kontent-ai-Signature']),
    }
  },

  () => {
    const secret = 'easypost-webhook-secret', body = '{"id":"evt_e6f0b4b2d7d911ef8a2b6d2f2cb5b8f0","object":"Event","description":"batch.created","mode":"production","result":{"id":"batch_123"}}'
    return {
      preset: 'easypost', npm: '@easypost/api', call: 'Utils.validateWebhook', secret, body, id: 'evt_e6f0b4b2d7d911ef8a2b6d2f2cb5b8f0', type: 'batch.created',
      headers: { ...json, 'X-Hmac-Signature': `hmac-sha256-hex=${hmac('sha256', secret, body, 'hex')}` },
      accepts: r => new EasyPost('unused').Utils.validateWebhook(Buffer.from(r.body), r.headers, r.secret),
    }
  },

  // The request around the body.
  () => {
    const secret = 'asdf1234', url = 'https://hooks.example.com/square?shop=1', body = '{"merchant_id":"6SSW7HV8K2ST5","type":"payment.created","event_id":"1caf4c6e-0f5b-3c45-b1a8-6e1b5b6a4d2f","created_at":"2026-01-15T12:00:00Z","data":{"note":"Café"}}'
    return {
      preset: 'square', npm: 'square', call: 'WebhooksHelper.verifySignature', secret, url, body, id: '1caf4c6e-0f5b-3c45-b1a8-6e1b5b6a4d2f', type: 'payment.created',
      headers: { ...json, 'X-Square-HmacSha256-Signature': hmac('sha256', secret, url + body, 'base64') },
      accepts: r => Square.verifySignature({ requestBody: r.body, signatureHeader: r.headers['X-Square-HmacSha256-Signature'], signatureKey: r.secret, notificationUrl: r.url }),
    }
  },

  ...['v1', 'v2', 'v3'].map(version => () => {
    const secret = 'yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy', url = `https://hooks.example.com/hubspot/${version}?portal=62515&a=%C3%BC`
    const body = '[{"eventId":100,"subscriptionId":12345,"portalId":62515,"occurredAt":1768478400000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]'
    const options = { clientSecret: secret, requestBody: body, url, timestamp: now.getTime() }
    const signature = HubSpot.getSignature('POST', version, options)
    const header = version === 'v3' ? 'X-HubSpot-Signature-v3' : 'X-HubSpot-Signature'
    return {
      preset: `hubspot_${version}`, npm: '@hubspot/api-client', call: 'Signature.getSignature', secret, url: version === 'v1' ? undefined : url, body, type: version === 'v2' ? undefined : 'contact.creation',
      headers: version === 'v3' ? { ...json, 'X-HubSpot-Request-Timestamp': millis, [header]: signature } : { ...json, 'X-HubSpot-Signature-Version': version, [header]: signature },
      accepts: r => HubSpot.isValid({
        clientSecret: r.secret, requestBody: r.body, url: r.url, timestamp: Number(r.headers['X-HubSpot-Request-Timestamp']), method: r.method, signatureVersion: version, signature: r.headers[header],
      }),
    }
  }),

  ...[
    ['https://hooks.example.com/twilio?foo=1&bar=2', { CallSid: 'CA1234567890ABCDE', Caller: '+14158675310', Digits: '1234', From: '+14158675310', To: '+18005551212', Body: 'Grüße & co' }],
    ['https://hooks.example.com/twilio', { To: '+18005551212', MessageSid: 'SM0123456789abcdef0123456789abcdef', MessageStatus: 'delivered' }],
  ].map(([url, params]) => () => {
    const secret = '12345678901234567890123456789012', body = new URLSearchParams(params).toString()
    return {
      preset: 'twilio', npm: 'twilio', call: 'getExpectedTwilioSignature', secret, url, body, id: 'e5d5a7a1-6a9f-4a5b-8c0e-1d2c3b4a5968',
      headers: { ...form, 'I-Twilio-Idempotency-Token': 'e5d5a7a1-6a9f-4a5b-8c0e-1d2c3b4a5968', 'X-Twilio-Signature': twilio.getExpectedTwilioSignature(secret, url, params) },
      accepts: r => twilio.validateRequest(r.secret, r.headers['X-Twilio-Signature'], r.url, Object.fromEntries(new URLSearchParams(r.body))),
    }
  }),

  () => {
    const secret = '12345678901234567890123456789012', body = '{"EventType":"onMessageAdded","Body":"Grüße"}'
    const url = `https://hooks.example.com/twilio?bodySHA256=${twilio.getExpectedBodyHash?.(body) ?? hash('sha256', body, 'hex')}`
    return {
      preset: 'twilio', npm: 'twilio', call: 'validateRequestWithBody', secret, url, body, id: 'c8a1f2ad-3a6c-4f8b-9f0e-5b6a7c8d9e0f',
      headers: { ...json, 'I-Twilio-Idempotency-Token': 'c8a1f2ad-3a6c-4f8b-9f0e-5b6a7c8d9e0f', 'X-Twilio-Signature': hmac('sha1', secret, url, 'base64') },
      accepts: r => twilio.validateRequestWithBody(r.secret, r.headers['X-Twilio-Signature'], r.url, r.body),
    }
  },

  ...['https://hooks.example.com/plivo', 'https://hooks.example.com/plivo?a=1&b=2', 'https://hooks.example.com/plivo?b=x%20y&a=2&b=1&C=3'].map(url => () => {
    const secret = 'my_auth_token', nonce = '12345', params = { To: '14155552671', From: '14155552672', MessageUUID: 'db3ce55a-7f1d-11e1-8ea7-1231380bc196' }
    const sorted = Object.keys(params).sort().map(k => k + params[k]).join('')
    const query = [...new URL(url).searchParams].map(pair => pair.join('=')).sort().join('&')
    const base = `https://hooks.example.com/plivo?${query && `${query}.`}`
    return {
      preset: 'plivo_v3', npm: 'plivo', call: 'validateV3Signature', secret, url, body: new URLSearchParams(params).toString(), id: undefined,
      headers: { ...form, 'X-Plivo-Signature-V3-Nonce': nonce, 'X-Plivo-Signature-V3': hmac('sha256', secret, `${base}${sorted}.${nonce}`, 'base64') },
      accepts: r => plivo.validateV3Signature(r.method, r.url, r.headers['X-Plivo-Signature-V3-Nonce'], r.secret, r.headers['X-Plivo-Signature-V3'], Object.fromEntries(new URLSearchParams(r.body))),
    }
  }),

  // A signature inside the body.
  () => {
    const secret = '44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056'
    const item = {
      pspReference: '7914073381342284', originalReference: '', merchantAccountCode: 'TestMerchant', merchantReference: 'TestPayment-1407325143704', amount: { value: 1130, currency: 'EUR' },
      eventCode: 'AUTHORISATION', success: 'true', eventDate: '2026-01-15T12:00:00+00:00', paymentMethod: 'visa',
    }
    const validator = new adyen.hmacValidator()
    const signed = { ...item, additionalData: { hmacSignature: validator.calculateHmac(item, secret) } }
    return {
      preset: 'adyen', npm: '@adyen/api-library', call: 'hmacValidator.calculateHmac', secret, headers: json, id: '7914073381342284/AUTHORISATION/true', type: 'AUTHORISATION',
      body: JSON.stringify({ live: 'false', notificationItems: [{ NotificationRequestItem: signed }] }),
      accepts: r => validator.validateHMAC(JSON.parse(r.body).notificationItems[0].NotificationRequestItem, r.secret),
      tampered: r => ({ ...r, body: r.body.replace('1130', '1131') }),
    }
  },

  () => {
    const publicKey = 'integration_public_key', secret = 'integration_private_key'
    const gateway = new braintree.BraintreeGateway({ environment: braintree.Environment.Sandbox, merchantId: 'unused', publicKey, privateKey: secret })
    const sample = gateway.webhookTesting.sampleNotification(braintree.WebhookNotification.Kind.SubscriptionWentPastDue, 'my_id')
    return {
      preset: 'braintree', npm: 'braintree', call: 'webhookTesting.sampleNotification', unsendable: 'it wants its public key', secret, headers: form, body: new URLSearchParams(sample).toString(),
      accepts: r => gateway.webhookNotification.parse(...['bt_signature', 'bt_payload'].map(f => new URLSearchParams(r.body).get(f))),
      tampered: r => ({ ...r, body: r.body.replace('bt_payload=P', 'bt_payload=Q') }),
    }
  },

  () => {
    const secret = 'a7f3c1d9b2e4', event = { event_time: seconds, event_type: 'signature_request_sent' }
    const message = { event: { ...event, event_hash: hmac('sha256', secret, event.event_time + event.event_type, 'hex') }, account: { account_id: '63522885f9261e2b04eea043933ee7313eb674fd' } }
    const parse = body => dropboxSign.EventCallbackRequest.init(JSON.parse(/\r\n\r\n(.*)\r\n/.exec(body)[1]))
    return {
      preset: 'dropbox_sign', npm: '@dropbox/sign', call: 'EventCallbackHelper.isValid', unsendable: 'its signature stands in the JSON of a form', secret, body: multipart('trotline', { json: JSON.stringify(message) }), type: 'signature_request_sent',
      headers: { 'Content-Type': 'multipart/form-data; boundary=trotline' },
      accepts: r => dropboxSign.EventCallbackHelper.isValid(r.secret, parse(r.body)),
      tampered: r => ({ ...r, body: r.body.replace('request_sent', 'request_seen') }),
    }
  },

  ...['1', '2'].map(version => () => {
    const message = {
      Type: 'Notification', MessageId: '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324', TopicArn: 'arn:aws:sns:us-west-2:123456789012:MyTopic', Subject: 'My First Message',
      Message: 'Grüße\nan "alle"', Timestamp: '2026-01-15T12:00:00.000Z', SignatureVersion: version,
      SigningCertURL: 'https://sns.us-west-2.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem',
      UnsubscribeURL: 'https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=arn:aws:sns:us-west-2:123456789012:MyTopic:c9135db0-26c4-47ec-8998-413945fb5a96',
    }
    const content = ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'].map(k => `${k}\n${message[k]}\n`).join('')
    message.Signature = rsa(version === '1' ? 'sha1' : 'sha256', content, 'base64')
    return {
      preset: version === '1' ? 'aws_sns_v1' : 'aws_sns', npm: 'sns-validator', call: 'validate', with: { topic: message.TopicArn }, private_key: keys.rsa, headers: { 'Content-Type': 'text/plain; charset=UTF-8', 'X-Amz-Sns-Message-Type': 'Notification' },
      body: JSON.stringify(message, null, 2), fetch: { [message.SigningCertURL]: keys.certificate }, id: message.MessageId, type: 'Notification',
      accepts: r => new Promise((resolve, reject) => {
        https.get = (url, got) => {
          const response = Object.assign(new EventEmitter(), { statusCode: 200 })
          got(response)
          response.emit('data', r.fetch[url])
          response.emit('end')
          return new EventEmitter()
        }
        new SNSValidator().validate(r.body, (error, ok) => error ? reject(error) : resolve(true))
      }),
      tampered: r => ({ ...r, body: r.body.replace('First', 'Second') }),
    }
  }),

  // Keys of two halves.
  () => {
    const body = '{"id":"1234765231789","application_id":"1234560123453231555","type":2,"data":{"name":"grüße"}}'
    return {
      preset: 'discord', npm: 'discord-interactions', call: 'verifyKey', secret: publicKey.ed25519.toString('hex'), private_key: keys.ed25519, body,
      headers: { ...json, 'X-Signature-Timestamp': seconds, 'X-Signature-Ed25519': ed25519(seconds + body, 'hex') },
      accepts: r => discord.verifyKey(r.body, r.headers['X-Signature-Ed25519'], r.headers['X-Signature-Timestamp'], r.secret),
    }
  },

  () => {
    const body = '{"data":{"event_type":"message.received","id":"b301ed3f-1490-491f-995f-6e64e69674d4","occurred_at":"2026-01-15T12:00:00.000000Z","payload":{"text":"Grüße"}},"meta":{"attempt":1}}'
    return {
      preset: 'telnyx', npm: 'telnyx', call: 'TelnyxWebhook.verify', secret: publicKey.ed25519.toString('base64'), private_key: keys.ed25519, body, id: 'b301ed3f-1490-491f-995f-6e64e69674d4', type: 'message.received',
      headers: { ...json, 'Telnyx-Timestamp': seconds, 'Telnyx-Signature-Ed25519': ed25519(`${seconds}|${body}`, 'base64') },
      accepts: r => new TelnyxWebhook(r.secret).verify(r.body, r.headers),
    }
  },

  () => {
    const body = '[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address","sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA","timestamp":1768478400}]\r\n'
    const check = new sendgrid.EventWebhook()
    return {
      preset: 'sendgrid', npm: '@sendgrid/eventwebhook', call: 'verifySignature', secret: publicKey.p256.toString('base64'), private_key: keys.p256, body,
      headers: { ...json, 'X-Twilio-Email-Event-Webhook-Timestamp': seconds, 'X-Twilio-Email-Event-Webhook-Signature': der(ecdsa('sha256', seconds + body)).toString('base64') },
      accepts: r => check.verifySignature(check.convertPublicKeyToECDSA(r.secret), r.body, r.headers['X-Twilio-Email-Event-Webhook-Signature'], r.headers['X-Twilio-Email-Event-Webhook-Timestamp']),
    }
  },

  () => {
    const kid = '9936261a-7d7b-4621-a0f1-964158a6f4b6'
    const body = '{"metadata":{"topic":"MARKETPLACE_ACCOUNT_DELETION","schemaVersion":"1.0","deprecated":false},"notification":{"notificationId":"49feeaeb-4982-42d9-a377-9645b8479411_33f7e043-fed8-442b-9d44-791923bd9a6d","eventDate":"2026-01-15T12:00:00.000Z"}}'
    const signature = { alg: 'ecdsa', kid, signature: der(ecdsa('sha1', body)).toString('base64'), digest: 'SHA1' }
    const pem = `-----BEGIN PUBLIC KEY-----${publicKey.p256.toString('base64')}-----END PUBLIC KEY-----`
    return {
      preset: 'ebay', npm: 'event-notification-nodejs-sdk', call: 'validateSignature', secret: publicKey.p256.toString('base64'), private_key: keys.p256, body,
      given: { verification_token: 'a-verification-token-of-32-letters', endpoint: 'https://hooks.example.com/hooks/ebay' },
      id: '49feeaeb-4982-42d9-a377-9645b8479411_33f7e043-fed8-442b-9d44-791923bd9a6d', type: 'MARKETPLACE_ACCOUNT_DELETION',
      headers: { ...json, 'X-EBAY-SIGNATURE': Buffer.from(JSON.stringify(signature)).toString('base64') },
      accepts: r => {
        ebay.getPublicKey = async () => ({ key: pem })
        return validateEBay(JSON.parse(r.body), r.headers['X-EBAY-SIGNATURE'], {})
      },
    }
  },

  // Tokens that carry the body's digest.
  async () => {
    const key = 'APIwLeah7g4fuLk', secret = 'secret-of-livekit-0123456789abcdef', body = '{"event":"room_started","id":"EV_eugWmGhovZmm","createdAt":"1768478400","room":{"sid":"RM_hycBMAjmt6Ub","name":"Köln"}}'
    const token = new AccessToken(key, secret, { ttl: '10m' })
    token.sha256 = hash('sha256', body, 'base64')
    return {
      preset: 'livekit', npm: 'livekit-server-sdk', call: 'AccessToken.toJwt', unsendable: 'it wants its key as issuer', secret, body, id: 'EV_eugWmGhovZmm', type: 'room_started',
      headers: { 'Content-Type': 'application/webhook+json', Authorization: await token.toJwt() },
      accepts: r => new WebhookReceiver(key, r.secret).receive(r.body, r.headers.Authorization),
    }
  },

  () => {
    const secret = 'vonage-signature-secret-0123456789', body = '{"channel":"sms","message_uuid":"aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab","to":"447700900000","from":"447700900001","text":"Grüße"}'
    const claims = { iat: Number(seconds), jti: 'c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5', iss: 'Vonage', payload_hash: hash('sha256', body, 'hex'), api_key: 'abcd1234' }
    return {
      preset: 'vonage', npm: '@vonage/jwt', call: 'verifySignature', secret, body,
      headers: { ...json, Authorization: `Bearer ${jwt({ alg: 'HS256', typ: 'JWT' }, claims, secret)}` },
      accepts: r => verifyVonage(r.headers.Authorization.slice('Bearer '.length), r.secret),
      // The SDK leaves the claim on the body to its user.
      tampered: r => ({ ...r, secret: `${r.secret}!` }),
    }
  },

  () => {
    const secret = 'hunter2-signing-key', url = 'https://hooks.example.com/bird?reference=1', body = '{"id":"e8077d803532c0b5937c639b60216938","status":"delivered"}'
    const claims = { iss: 'MessageBird', nbf: Number(seconds), exp: Number(seconds) + 60, jti: 'f9a1b7d2-6a3f-4a5b-9a25-2c1c1b3e3a11', url_hash: hash('sha256', url, 'hex'), payload_hash: hash('sha256', body, 'hex') }
    return {
      preset: 'messagebird', npm: 'messagebird', call: 'webhook-signature-jwt verify', unsendable: 'it wants an id in the token', secret, url, body,
      headers: { ...json, 'MessageBird-Signature-JWT': jwt({ alg: 'HS256', typ: 'JWT' }, claims, secret) },
      accepts: r => messagebird.verify(r.url, r.body, r.headers['MessageBird-Signature-JWT'], createSecretKey(Buffer.from(r.secret))),
    }
  },

  () => {
    const secret = 'a-secret-key-not-to-be-lost-0123', url = 'https://hooks.example.com/jira?user_id=42&a=b%20c%26&B=(x)*!', body = '{"timestamp":1768478400000,"webhookEvent":"jira:issue_created","issue":{"key":"PROJ-1"}}'
    const { pathname, searchParams } = new URL(url)
    const request = { method: 'POST', pathname, query: Object.fromEntries(searchParams), body: {} }
    const qsh = r => atlassian.createQueryStringHash({ ...request, query: Object.fromEntries(new URL(r.url).searchParams) })
    const token = atlassian.encodeSymmetric({ iss: 'jira:15489595', iat: Number(seconds), exp: Number(seconds) + 180, qsh: qsh({ url }) }, secret)
    return {
      preset: 'jira_connect', npm: 'atlassian-jwt', call: 'encodeSymmetric', secret, url, body, id: undefined, type: 'jira:issue_created', headers: { ...json, Authorization: `JWT ${token}` },
      accepts: r => atlassian.decodeSymmetric(r.headers.Authorization.slice('JWT '.length), r.secret, 'HS256').qsh === qsh(r),
      // The body is not signed.
      tampered: r => ({ ...r, url: r.url.replace('42', '43') }),
    }
  },

  () => {
    const data = JSON.stringify({ eventType: 'wix.stores.v3.product_created', instanceId: '00000000-1111-4222-8333-444444444444', data: '{"productId":"5d1a"}', identity: '{}' })
    return {
      preset: 'wix', npm: '@wix/sdk', call: 'AppStrategy.decodeJWT', unsendable: 'its body is the token', secret: publicKey.rsa, private_key: keys.rsa, headers: { 'Content-Type': 'text/plain' },
      body: jwt({ alg: 'RS256', typ: 'JWT', kid: 'EpUfDTvB' }, { data, iat: Number(seconds), exp: Number(seconds) + 3600 }),
      accepts: async r => (await AppStrategy({ appId: 'unused', publicKey: r.secret }).decodeJWT(r.body)).valid,
    }
  },

  () => {
    const domain = 'trotline.kinde.com', kid = '6a:b2:01'
    const claims = { event_id: 'event_0192b829beb3ccc88d0eff3d26ffffcf', event_timestamp: '2026-01-15T12:00:00.000000Z', source: 'admin', type: 'user.updated', timestamp: '2026-01-15T12:00:00.0Z', data: { user: { id: 'kp_1' } } }
    return {
      preset: 'kinde', npm: '@kinde/webhooks', call: 'decodeWebhook', with: { domain }, private_key: keys.rsa, headers: { 'Content-Type': 'application/jwt' },
      body: jwt({ alg: 'RS256', kid, typ: 'JWT' }, claims), fetch: { [`https://${domain}/.well-known/jwks.json`]: keySet(kid) },
      id: claims.event_id, type: claims.type,
      accepts: async r => {
        globalThis.fetch = async url => new Response(r.fetch[url], { headers: json })
        return await decodeWebhook(r.body, `https://${r.with.domain}`) !== null
      },
    }
  },

  () => {
    const kid = '7d680d8c70d44e947133cbd499ebc1a61c3d5abc', issuer = 'https://accounts.google.com', audience = 'https://hooks.example.com/pubsub'
    const body = '{"message":{"attributes":{"key":"value"},"data":"SGVsbG8gQ2xvdWQgUHViL1N1YiE=","messageId":"2070443601311540","publishTime":"2026-01-15T12:00:00.000Z"},"subscription":"projects/myproject/subscriptions/mysubscription"}'
    const claims = { aud: audience, azp: '113774264463038321964', email: 'gae-gcp@appspot.gserviceaccount.com', sub: '113774264463038321964', email_verified: true, iat: Number(seconds), exp: Number(seconds) + 3600, iss: issuer }
    return {
      preset: 'google_pubsub_push', npm: 'google-auth-library', call: 'OAuth2Client.verifySignedJwtWithCertsAsync', with: { audience, email: claims.email }, private_key: keys.rsa, body, id: '2070443601311540',
      headers: { ...json, Authorization: `Bearer ${jwt({ alg: 'RS256', kid, typ: 'JWT' }, claims)}` }, fetch: { 'https://www.googleapis.com/oauth2/v3/certs': keySet(kid) },
      accepts: r => new OAuth2Client().verifySignedJwtWithCertsAsync(r.headers.Authorization.slice('Bearer '.length), { [kid]: publicKey.rsa }, r.with.audience, [issuer]),
      // The body is not signed.
      tampered: r => ({ ...r, with: { ...r.with, audience: `${r.with.audience}/another` } }),
    }
  },
]
