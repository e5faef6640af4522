// The customers that a person opened lately or pinned. It stays in this browser, for one person, for a month at most.

const PREFIX = "clipdesk.customers."
const RECENT = 8
const PINNED = 20
const KEPT_MS = 30 * 86_400_000

let open = null // the customer whose page is shown

export function opened() {
  return open
}

// Only one person's customers are kept: the next one who signs in here finds none.
function clean(person) {
  for (const name of Object.keys(localStorage)) {
    if (name.startsWith(PREFIX) && name !== PREFIX + person) localStorage.removeItem(name)
  }
}

export function customers(person) {
  try {
    clean(person)
    const kept = JSON.parse(localStorage.getItem(PREFIX + person) ?? "{}")
    const usable = (one) => typeof one.uid === "string" && typeof one.href === "string" && Date.now() - one.at < KEPT_MS
    const fresh = (list, most) => (Array.isArray(list) ? list.filter(usable).slice(0, most) : [])
    return { recent: fresh(kept.recent, RECENT), pinned: fresh(kept.pinned, PINNED) }
  } catch {
    return { recent: [], pinned: [] } // no storage, or not written by the desk
  }
}

function keep(person, kept) {
  try {
    localStorage.setItem(PREFIX + person, JSON.stringify(kept))
  } catch {
    // the browser keeps nothing for this page
  }
}

export function visited(person, customer) {
  const { recent, pinned } = customers(person)
  const others = (list) => list.filter((one) => one.uid !== customer.uid)
  if (customer.gone) {
    open = null
    keep(person, { recent: others(recent), pinned: others(pinned) })
    return
  }
  open = { ...customer, at: Date.now(), page: location.pathname + location.search }
  const renewed = pinned.map((one) => (one.uid === customer.uid ? open : one))
  keep(person, { recent: [open, ...others(recent)].slice(0, RECENT), pinned: renewed })
}

export function isPinned(person, uid) {
  return customers(person).pinned.some((one) => one.uid === uid)
}

export function pin(person, customer) {
  const { recent, pinned } = customers(person)
  const others = pinned.filter((one) => one.uid !== customer.uid)
  const kept = others.length < pinned.length ? others : [{ ...customer, at: Date.now() }, ...others].slice(0, PINNED)
  keep(person, { recent, pinned: kept })
}
