{{ with_record_keys('read', 'base_jcog__read') }}
