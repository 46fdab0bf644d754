"""The greeting."""

import unittest

from greet import greeting


class Greeting(unittest.TestCase):
    """What is said."""

    def test_a_name_is_greeted(self) -> None:
        """The name is part of the greeting."""
        self.assertEqual(greeting("Ada"), "Hello, Ada!")
