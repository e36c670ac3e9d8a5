// Loaded into Azurite before itself: at our process' word it keeps a list of all that is stored, or goes back to one.
// Contents stay where they are, for Azurite never overwrites any: what a list refers to is kept from its sweeps.
const { mkdir, readdir, readFile, rename, rm, writeFile } = require('node:fs/promises')
const { join } = require('node:path')
const { default: BlobList } = require('azurite/dist/src/blob/persistence/LokiBlobMetadataStore')
const { default: ExtentList } = require('azurite/dist/src/common/persistence/LokiExtentMetadataStore')
const { SharedChunkStore } = require('azurite/dist/src/common/persistence/MemoryExtentStore')

const FOLDER = 'snapshots' // in the working directory, which is Azurite's own
const IS_IN_MEMORY = process.argv.includes('--inMemoryPersistence')

let blobs
let extents
const { init: initBlobs, iteratorExtents } = BlobList.prototype
const { init: initExtents } = ExtentList.prototype
BlobList.prototype.init = function () {
  blobs = this.db
  return initBlobs.call(this)
}
ExtentList.prototype.init = function () {
  extents = this.db
  return initExtents.call(this)
}

const save = async db => {
  if (IS_IN_MEMORY) return
  await new Promise((resolve, reject) => db.saveDatabase(error => (error ? reject(error) : resolve())))
}

/** Without contents, which in memory are in the list too. */
const listNow = () =>
  JSON.stringify(blobs, (key, value) => (key === 'chunks' ? undefined : blobs.serializeReplacer(key, value)))

const contentsIn = list => {
  const ids = new Set()
  JSON.parse(list, (key, value) => {
    if (key === 'persistency' && value) ids.add(value.id)
    return value
  })
  return ids
}

const lists = async () => {
  const names = await readdir(FOLDER).catch(() => [])
  return names.filter(name => !name.endsWith('.new')).map(name => join(FOLDER, name))
}

// After what is stored now: of what was kept and removed meanwhile, the list is there already.
BlobList.prototype.iteratorExtents = function () {
  const stored = iteratorExtents.call(this)
  let rest
  return {
    async next() {
      if (rest === undefined) {
        const step = await stored.next()
        if (!step.done) return step
        rest = await lists()
      }
      const path = rest.shift()
      if (path === undefined) return { done: true, value: [] }
      return { done: false, value: [...contentsIn(await readFile(path, 'utf8').catch(() => '{}'))] }
    },
  }
}

/** Azurite's own sweep comes every ten minutes, and a test suite may go back a thousand times until then. */
const sweepMemory = async () => {
  const referred = contentsIn(listNow())
  for (const path of await lists()) for (const id of contentsIn(await readFile(path, 'utf8'))) referred.add(id)
  const all = extents.getCollection('$EXTENTS_COLLECTION$')
  for (const { id } of all.data) if (!referred.has(id)) SharedChunkStore.delete('blob', id)
  all.removeWhere(({ id }) => !referred.has(id))
}

const VERBS = {
  async keep(name) {
    const path = join(FOLDER, name)
    await save(extents)
    await mkdir(FOLDER, { recursive: true })
    await writeFile(`${path}.new`, listNow())
    await rename(`${path}.new`, path)
  },
  async restore(name) {
    blobs.loadJSON(await readFile(join(FOLDER, name), 'utf8'))
    await save(blobs)
    if (IS_IN_MEMORY) await sweepMemory()
  },
  forget: name => rm(join(FOLDER, name), { force: true }),
  /** All but these. */
  async forgetOthers(names) {
    for (const name of await readdir(FOLDER).catch(() => [])) {
      if (!names.includes(name)) await rm(join(FOLDER, name))
    }
  },
}

process.on('message', ({ id, verb, argument }) => {
  const done = VERBS[verb](argument)
  done.then(
    () => process.send({ id }),
    error => process.send({ id, error: error.message }),
  )
})
process.channel?.unref() // or it would hold the process when all else has ended
