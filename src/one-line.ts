/** Others choose the names and messages in it; terminals obey control characters, and psql's \copy ends with its line. */
export const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim()
