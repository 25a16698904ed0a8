// Requests over HTTP as they are written: no header of our own, no path made tidy.
import { once } from 'node:events'
import http from 'node:http'

async function read(stream) {
  let text = ''
  for await (const part of stream.setEncoding('utf8')) text += part
  return text
}

export async function post(address, { method, path, headers, body }) {
  const { hostname, port } = new URL(address)
  const request = http.request({ hostname, port, method, path, headers })
  request.end(body)
  const [response] = await once(request, 'response')
  return { status: response.statusCode, body: await read(response) }
}

// receiver hands over what it is sent, one request at a time.
export async function receiver() {
  const server = http.createServer(async (request, response) => {
    const { method, url, headers } = request
    const body = await read(request)
    response.writeHead(204).end()
    server.emit('taken', { method, url, headers, body })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    address: `http://127.0.0.1:${server.address().port}`,
    // next is the request that doing something brings.
    async next(act) {
      const taken = once(server, 'taken')
      await act()
      return (await taken)[0]
    },
    close: () => server.close(),
  }
}
