'use strict'

// The addon, built for this platform by scripts/build.js.

const path = require('node:path')

const file = path.join(__dirname, '..', `edgecmp.${process.platform}-${process.arch}.node`)

let native
try {
  native = require(file)
} catch (cause) {
  throw new Error(`edgecmp: cannot load ${path.basename(file)}; is it built for this platform (npm run build)?`, {
    cause,
  })
}

module.exports = native
