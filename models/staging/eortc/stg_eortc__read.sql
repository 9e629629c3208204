{{ with_record_keys('read', 'base_eortc__read') }}
