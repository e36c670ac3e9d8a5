import { parseSwitch, parseText } from './values.ts'

/** Of the commands that look at something, and print what they see. */
export const TOOL_OPTIONS = {
  json: {
    name: 'json',
    commands: ['doctor'],
    value: 'on|off',
    alone: 'on',
    bare: true,
    parse: parseSwitch,
    otherwise: 'off',
    description: 'for programs: an object with all that was looked at',
  },
  full: {
    name: 'full',
    commands: ['infer'],
    value: 'on|off',
    alone: 'on',
    bare: true,
    parse: parseSwitch,
    otherwise: 'off',
    description: 'read all of the file, and not only its first 10 MB: then every row fits',
  },
  table: {
    name: 'table',
    commands: ['infer'],
    value: 'name',
    parse: parseText,
    otherwise: 'by the name of the file',
    description: 'the name of the table',
  },
  header: {
    name: 'header',
    commands: ['infer'],
    value: 'on|off',
    parse: parseSwitch,
    otherwise: 'as it looks',
    description: 'whether the first line has the names of the columns',
  },
} as const
