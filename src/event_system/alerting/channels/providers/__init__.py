"""Providers that bring text messages and phone calls to numbers: Twilio, Aliyun, Tencent, HTTP.

Each has one method, `deliver` (provider.py), and tells by `ChannelError` whether another attempt may
help. Numbers and secrets are in no error: a number is shown by its last digits.
"""
