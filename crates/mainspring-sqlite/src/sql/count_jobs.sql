SELECT l.queue, l.kind, c.state, c.jobs FROM (
  SELECT lane, state, count(*) AS jobs FROM mainspring_job GROUP BY lane, state
) c JOIN mainspring_lane l ON l.lane = c.lane
