// SPDX-License-Identifier: Apache-2.0
#include "connectors/duckdb/read_copy.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include "connectors/duckdb/descriptor.h"
#include "sluice/error.h"

namespace sluice::duckdb_file {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& to, const char* what) {
  const int code = errno;
  const std::string message = "read_copy: " + std::string(what) + " " + to.string() + ": " +
                              std::generic_category().message(code);
  if (code == EACCES || code == EPERM || code == EROFS) {
    throw Error(Fault::permission, message,
                "the user who runs sluice must be able to write that folder");
  }
  if (code == ENOENT || code == ENOTDIR || code == EISDIR) {
    throw Error(Fault::config, message, "read_copy: names a file; its folder must exist");
  }
  throw Error(Fault::internal, message,
              code == ENOSPC || code == EDQUOT ? "free space on that disk and run again" : "");
}

fs::path partial(const fs::path& to) { return to.string() + ".sluice-partial"; }

void copy_bytes(int from, int to, const fs::path& path) {
  struct stat found {};
  if (fstat(from, &found) != 0) fail(path, "cannot copy to");
  off_t in = 0;
  off_t out = 0;
  while (in < found.st_size) {
    const ssize_t copied =
        copy_file_range(from, &in, to, &out, static_cast<std::size_t>(found.st_size - in), 0);
    if (copied > 0 || (copied < 0 && errno == EINTR)) continue;
    if (copied < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO))
      fail(path, "cannot copy to");
    break;  // not between these file systems: by hand from here
  }
  std::vector<char> buffer(std::size_t{1} << 20);
  while (in < found.st_size) {
    const ssize_t got = pread(from, buffer.data(), buffer.size(), in);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) fail(path, "cannot copy to");
    for (ssize_t done = 0; done < got;) {
      const ssize_t put =
          pwrite(to, buffer.data() + done, static_cast<std::size_t>(got - done), in + done);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) fail(path, "cannot copy to");
      done += put;
    }
    in += got;
  }
}

}  // namespace

void replace_with_copy(int from, const fs::path& to) {
  const fs::path temporary = partial(to);
  struct stat found {};
  if (fstat(from, &found) != 0) fail(to, "cannot read the source of");
  try {
    // 0600 until it is whole: then it gets the rights of the file that it is a copy of.
    const Descriptor copy(
        open(temporary.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (copy.get() < 0) fail(temporary, "cannot make");
    if (ioctl(copy.get(), FICLONE, from) != 0) copy_bytes(from, copy.get(), temporary);
    if (fchmod(copy.get(), found.st_mode & 07777) != 0) fail(temporary, "cannot set the rights of");
    if (fsync(copy.get()) != 0) fail(temporary, "cannot write");
    if (rename(temporary.c_str(), to.c_str()) != 0) fail(to, "cannot replace");
  } catch (const Error&) {
    remove_partial_copy(to);
    throw;
  }
  const Descriptor folder(open(to.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || fsync(folder.get()) != 0)
    fail(to.parent_path(), "cannot sync the folder");
}

void remove_partial_copy(const fs::path& to) noexcept {
  unlink((to.native() + ".sluice-partial").c_str());
}

}  // namespace sluice::duckdb_file
