// What of a pasted text is looked for, and whether it says by itself what it is.

const MOST = 8000 // characters, as in the palette's box

const ADDRESS = /\S@\S|:\/\// // an e-mail address, or the address of a page
const PATH = /[^\s/]\/[^\s/]+\/[^\s/]/ // a key of the bucket, or the path of a document
const WORD = /[A-Za-z0-9_-]{8,}/g

export function sendable(text) {
  const cut = (text ?? "").slice(0, MOST).replace(/[\ud800-\udbff]$/, "") // no half of a letter
  return (cut.toWellFormed?.() ?? cut).trim()
}

// Something that a machine made, such as an id, and not words alone, which may also be the beginning of a page's name.
export function isClear(text) {
  const made = (text.match(WORD) ?? []).some((word) => /\d/.test(word) && /[A-Za-z]/.test(word))
  return made || ADDRESS.test(text) || PATH.test(text)
}
