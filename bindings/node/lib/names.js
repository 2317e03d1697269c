'use strict'

// Names: snake_case in the tables of core, camelCase here.

const camel = (snake) => snake.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase())

module.exports = { camel }
