{{ with_record_keys('read', 'base_us__read') }}
