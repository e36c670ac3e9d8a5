// Loaded into Azurite before itself, where one name of a blob that XML cannot hold, such as one with a control character,
// makes every listing of its container fail. Azure writes such a name percent-encoded, and says so.
const { createRequire } = require('node:module')
const XML = 'azurite/dist/src/blob/generated/utils/xml'
const xml = require(XML)
// The one that Azurite uses, by way of a package of its own.
const XMLStringifier = createRequire(createRequire(require.resolve(XML)).resolve('xml2js'))(
  'xmlbuilder/lib/XMLStringifier',
)

const NO_XML = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u

const encodeNames = value => {
  if (typeof value !== 'object' || value === null || value instanceof Date) return
  for (const [key, member] of Object.entries(value)) {
    if (key === 'Name' && NO_XML.test(member)) value.Name = { $: { Encoded: 'true' }, _: encodeURIComponent(member) }
    else encodeNames(member)
  }
}

const { stringifyXML } = xml
xml.stringifyXML = (body, options) => {
  encodeNames(body)
  return stringifyXML(body, options)
}

// Markers and prefixes have no such form. Clients that asked for them so can read them so.
XMLStringifier.prototype.assertLegalChar = text => text
