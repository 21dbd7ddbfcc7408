/* Non-local attention has no kernel of its own: its products are gemm's, its pooling is pool.cl, and its softmax over
 * keys attention.cl with one head, SCALE = 1, and pixels for queries. */
