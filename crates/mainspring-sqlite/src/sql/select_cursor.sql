SELECT cursor FROM mainspring_schedule WHERE schedule = ?1
