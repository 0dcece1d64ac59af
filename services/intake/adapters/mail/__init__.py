"""The mail gateway: a mailbox over IMAP into requests.

Reading order: `texts` (bytes to text), `automatic` (was it a person?), `message` (a whole mail, pure), `mailbox`
(IMAP), `gateway` (the loop between mailbox and Kafka).
"""
