// Loaded into the tests' Azurite before itself: ten minutes after its start, and every ten minutes from then on, it looks
// for the contents of deleted blobs, and answers nobody for a minute or more when there are thousands.
const { default: BlobGCManager } = require('azurite/dist/src/blob/gc/BlobGCManager')

BlobGCManager.prototype.markSweep = async () => {}
