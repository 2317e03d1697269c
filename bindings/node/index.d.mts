export * from './index.js'
import * as edgecmp from './index.js'
export default edgecmp
