// Triangular factors of symmetric matrices, in double.
#pragma once

#include <cstddef>
#include <vector>

namespace whet::quantize {

// Of the symmetric matrix [n][n] only the lower triangle counts; it becomes the lower triangular T with
// T' T = the matrix, the upper one 0. False, and the matrix is of no use any more, if it is not positive
// definite.
bool ReverseCholesky(std::vector<double>& matrix, size_t n);

// The inverse of a lower triangular matrix, which is one too.
std::vector<double> InvertLowerTriangle(const std::vector<double>& matrix, size_t n);

}  // namespace whet::quantize
