"""How peers find, follow and see each other: identity, joining, the feed to learners, liveness, and who votes."""
