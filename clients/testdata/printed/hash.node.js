const crypto = require('crypto');
const fs = require('fs');

function hashFile(filepath) {
  const buffer = fs.readFileSync(filepath);
  return crypto.createHash('sha256').update(buffer).digest('hex');
}

const hash = hashFile('your-file.jpg');
console.log(hash); // e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
