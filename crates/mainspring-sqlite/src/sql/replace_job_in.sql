UPDATE mainspring_job SET due = ?2, ord = ?3, level = ?4, state = ?5, barred = ?6, marks = ?7,
  payload = ?8, version = ?9, checksum = ?10, meta = ?11, pen = ifnull(?12, lane * 4 + (barred & 2))
WHERE seq = ?1
