"""Channels: webhook, e-mail, chats, telephones, Apprise. Each tells one notification, or says why not.

A channel is made of settings that were checked; it has no retries and no clock of its own, those are
`sending.py`'s. What a vendor answers becomes `ChannelError` here, and no error names a secret.
"""
