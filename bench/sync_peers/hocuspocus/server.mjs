// Hocuspocus as it comes: no extensions, no store.
import { Server } from '@hocuspocus/server'

await new Server({ port: Number(process.argv[2]), address: '127.0.0.1', quiet: true }).listen()
