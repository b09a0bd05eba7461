"""Images on a shelf are the same numbers, and leave nothing behind."""

import numpy as np

from pogson.io.mapped import Shelf


def test_an_image_comes_back_as_it_was_also_after_it_was_let_go(tmp_path):
    shelf = Shelf(tmp_path)
    images = [np.arange(12, dtype=kind).reshape(3, 4) for kind in (np.float32, np.uint16)]
    kept = [shelf.put(image) for image in images]
    assert list(tmp_path.iterdir()) == [], "the files have no name"
    for _ in range(2):
        for image, same in zip(images, kept, strict=True):
            assert same.dtype == image.dtype and same.flags.writeable and np.array_equal(same, image)
        shelf.release()


def test_an_empty_image_needs_no_file(tmp_path):
    assert Shelf(tmp_path).put(np.empty((0, 0), np.float32)).shape == (0, 0)
