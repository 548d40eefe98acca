SELECT lane, queue, kind FROM mainspring_lane
