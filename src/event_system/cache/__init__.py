"""A cache of two levels: this process' memory, and a server that nodes share.

`Cache.get_or_load` is the way in. What has been loaded is found by everybody until its time is
over or one of its tags is invalidated, by a listener or by an event that the settings name. It must
not know where the second level is, nor what events are for.
"""
