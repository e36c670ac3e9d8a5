/** For those who `require('blobgres')`; built beside index.js, whose types are its own. */
exports.startBlobgres = async options => (await import('./index.js')).startBlobgres(options)
