// Brings a part of the page into view when it is first shown, or shows another thing; not where Back or a reload restores the place.

import { isRestored, reach, visit } from "./history.js"

let visited = -1
let shown = ""

export default function ({ data }) {
  if (!data) return undefined
  const first = visited !== visit()
  if (!first && shown === data.of) return undefined
  visited = visit()
  shown = data.of
  if (!(first && isRestored())) reach(data.target)
  return undefined
}
