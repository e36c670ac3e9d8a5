/** As Microsoft has them. */
export const EXTENSION = 'azure_storage'
export const EXTENSION_VERSION = '1.9'
export const EXTENSION_COMMENT = 'Azure Storage integration for PostgreSQL'
