import unittest

import pages


class Rendering(unittest.TestCase):
    def test_a_page_has_a_title_paragraphs_and_links(self) -> None:
        page = pages.render("A & B\n\nSee [the other](other.html).\n\nMore.", footer="2 words")
        self.assertIn("<title>A &amp; B</title>", page)
        self.assertEqual(page.count("<p>"), 2)
        self.assertEqual(pages.links(page), ["other.html"])
        self.assertIn("<footer>2 words</footer>", page)
