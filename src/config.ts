export { type BackendConfig, backendConfig } from './config/backend-url.ts'
export type { Config } from './config/config.ts'
