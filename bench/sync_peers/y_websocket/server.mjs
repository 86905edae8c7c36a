// y-websocket's server as it comes, started on the port that is given.
process.env.HOST = '127.0.0.1'
process.env.PORT = process.argv[2]
await import('./node_modules/@y/websocket-server/src/server.js')
