UPDATE mainspring_job SET barred = barred & ~1, marks = marks | 1,
  pen = lane * 4 + (barred & 2), ord = max(due, ?2) - level * ?3
WHERE seq = ?1
