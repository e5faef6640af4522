// Notes which customer the page shows.

import { visited } from "../desk/recent.js"

export default function ({ data }) {
  if (data) visited(data.person, data)
  return undefined
}
