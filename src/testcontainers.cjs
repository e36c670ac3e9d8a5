/** For those who `require('blobgres/testcontainers')`; built beside testcontainers.js, whose types are its own. */
module.exports = require('./testcontainers.js')
