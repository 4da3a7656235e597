"""Tables of images and labelled points."""

import numpy as np
from matplotlib.figure import Figure

from tfp_flows import plotting


def test_images_stand_in_rows():
    images = np.arange(5)[:, np.newaxis, np.newaxis] * np.full((5, 2, 3), 0.1)
    ax = plotting.plot_images(Figure().subplots(), images, num_columns=2)
    sheet = ax.images[0].get_array()
    assert sheet.shape == (3 * 2 + 2, 2 * 3 + 1)
    np.testing.assert_allclose(sheet[3:5, 4:7], 0.3)
    np.testing.assert_allclose(sheet[6:8, :3], 0.4)
    np.testing.assert_allclose(sheet[6:8, 4:7], 1.0)


def test_images_with_channels():
    for channels in (1, 3):
        images = np.zeros((2, 4, 4, channels))
        ax = plotting.plot_images(Figure().subplots(), images, num_columns=2)
        assert ax.images[0].get_array().shape[:2] == (4, 9)


def test_labelled_points_have_a_legend():
    points, labels = np.random.default_rng(0).normal(size=(9, 2)), np.arange(9) % 3
    ax = plotting.plot_labelled_points(Figure().subplots(), points, labels)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0", "1", "2"]
    assert [len(c.get_offsets()) for c in ax.collections] == [3, 3, 3]
    bare = plotting.plot_labelled_points(Figure().subplots(), points)
    np.testing.assert_array_equal(bare.collections[0].get_offsets(), points)
