// Makes the scripts ready that other pages will want, when this one is drawn: the page names them in links of this kind.
// Compiled beforehand, not only fetched, they keep nobody waiting who then clicks to such a page.

import { isDrawn } from "./history.js"

const LOOK_MS = 250

const timer = setInterval(() => {
  if (!isDrawn()) return
  clearInterval(timer)
  for (const link of document.querySelectorAll('link[rel="later"]')) link.rel = "modulepreload"
}, LOOK_MS)
