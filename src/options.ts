export type { Address } from './config/values.ts'
