"""The only code that changes anything in R2 or Firestore. Everything else is handed nothing that could."""
