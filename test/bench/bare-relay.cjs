/*
 * node --expose-internals bare-relay.cjs <port> <server's port>: what a relay in Node cannot be faster than. It hands on what
 * it reads, by way of the handles below Node's sockets, and looks at nothing. Good for short messages and no more: a buffer is
 * read into again though a write of it may not be over.
 */
const net = require('node:net')
const { internalBinding } = require('internal/test/binding')

const { WriteWrap, streamBaseState, kReadBytesOrError } = internalBinding('stream_wrap')
const BUFFER_BYTES = 64 * 1024
const [port, serverPort] = process.argv.slice(2).map(Number)

/** @param {net.Socket} from @param {net.Socket} to */
function handOn(from, to) {
  const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  from._handle.useUserBuffer(buffer)
  from._handle.onread = () => {
    const length = streamBaseState[kReadBytesOrError]
    if (length > 0) {
      const request = new WriteWrap()
      request.oncomplete = () => {}
      to._handle.writeBuffer(request, buffer.subarray(0, length))
    } else if (length < 0) {
      from.destroy()
      to.destroy()
    }
  }
  from._handle.readStart()
}

const relay = net.createServer({ noDelay: true, pauseOnConnect: true }, client => {
  const server = net.connect({ host: '127.0.0.1', port: serverPort, noDelay: true })
  server.pause()
  server.on('connect', () => {
    handOn(client, server)
    handOn(server, client)
  })
  for (const [one, other] of [
    [client, server],
    [server, client],
  ]) {
    one.on('error', () => {})
    one.on('close', () => other.destroy())
  }
})
relay.listen(port, '127.0.0.1', () => console.log('listening'))
