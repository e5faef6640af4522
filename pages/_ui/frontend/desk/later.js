// Fetches the scripts that other pages will want, when this one is drawn: the page names them in links of this kind.

import { isDrawn } from "./history.js"

const LOOK_MS = 250

const timer = setInterval(() => {
  if (!isDrawn()) return
  clearInterval(timer)
  for (const link of document.querySelectorAll('link[rel="later"]')) link.rel = "prefetch"
}, LOOK_MS)
