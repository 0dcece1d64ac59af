"""The survey page: opens the signed link, shows the question, writes the answer to `feedback.answers`.

Reading order: `routes`, then what it uses: `links`, `answers`, `pages`, `words`.
"""
