SELECT j.id, l.kind, coalesce(j.payload, d.payload), j.version, j.checksum
FROM mainspring_job j JOIN mainspring_lane l ON l.lane = j.lane
  LEFT JOIN mainspring_detail d ON d.seq = j.seq
ORDER BY j.seq
